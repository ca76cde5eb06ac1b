/* The methods of the table of actors that Python calls. Each looks up a row, or goes over all of them. */
#include "speedups.h"

static PyObject *
table_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return type->tp_alloc(type, 0); /* all zero: an empty table */
}

static void
table_dealloc(PyObject *self)
{
    Table *table = (Table *)self;
    PyMem_Free(table->rows);
    PyMem_Free(table->slots);
    PyMem_Free(table->arena);
    Py_TYPE(self)->tp_free(self);
}

/* Return the row with this key, NULL without an exception if there is none, and NULL with one if `key` is no bytes. */
static Row *
look_up(Table *table, PyObject *key)
{
    if (!PyBytes_Check(key)) {
        PyErr_SetString(PyExc_TypeError, "an actor key is bytes");
        return NULL;
    }
    const char *bytes = PyBytes_AS_STRING(key);
    Py_ssize_t size = PyBytes_GET_SIZE(key), number = find_row(table, bytes, size, hash_of(bytes, size));
    return number < 0 ? NULL : &table->rows[number];
}

static PyObject *
nothing(void)
{
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *
actor_tuple(const Table *table, const Row *row)
{
    const char *id;
    Py_ssize_t size;
    get_id(table, row, &id, &size);
    return Py_BuildValue("s#LLLL", id, size, (long long)row->first_version, (long long)row->first_seq,
                         (long long)row->last_version, (long long)row->last_seq);
}

static PyObject *
table_actor(PyObject *self, PyObject *key)
{
    const Row *row = look_up((Table *)self, key);
    if (row == NULL || !(row->flags & HAS_ACTOR))
        return nothing();
    return actor_tuple((Table *)self, row);
}

static PyObject *
table_snapshot(PyObject *self, PyObject *key)
{
    const Row *row = look_up((Table *)self, key);
    if (row == NULL || !(row->flags & HAS_SNAPSHOT))
        return nothing();
    return Py_BuildValue("LL", (long long)row->snapshot_seq, (long long)row->snapshot_version);
}

static PyObject *
table_put_actor(PyObject *self, PyObject *args)
{
    Table *table = (Table *)self;
    const char *key, *id;
    Py_ssize_t key_size, id_size;
    long long first_version, first_seq, last_version, last_seq;
    if (!PyArg_ParseTuple(args, "y#s#LLLL:put_actor", &key, &key_size, &id, &id_size, &first_version, &first_seq,
                          &last_version, &last_seq))
        return NULL;
    Py_ssize_t number = find_or_add_row(table, key, key_size, hash_of(key, key_size));
    if (number < 0 || put_actor(table, number, id, id_size) < 0)
        return NULL;
    Row *row = &table->rows[number];
    row->first_version = first_version;
    row->first_seq = first_seq;
    row->last_version = last_version;
    row->last_seq = last_seq;
    Py_RETURN_NONE;
}

static PyObject *
table_put_snapshot(PyObject *self, PyObject *args)
{
    Table *table = (Table *)self;
    const char *key;
    Py_ssize_t key_size;
    long long seq, version;
    if (!PyArg_ParseTuple(args, "y#LL:put_snapshot", &key, &key_size, &seq, &version))
        return NULL;
    Py_ssize_t number = find_or_add_row(table, key, key_size, hash_of(key, key_size));
    if (number < 0)
        return NULL;
    Row *row = &table->rows[number];
    row->snapshot_seq = seq;
    row->snapshot_version = version;
    set_flag(table, row, HAS_SNAPSHOT, true);
    Py_RETURN_NONE;
}

static PyObject *
table_remove_actor(PyObject *self, PyObject *key)
{
    Row *row = look_up((Table *)self, key);
    if (row == NULL)
        return nothing();
    set_flag((Table *)self, row, HAS_ACTOR, false);
    set_flag((Table *)self, row, OWN_ID, false);
    row->first_version = row->first_seq = row->last_version = row->last_seq = 0;
    Py_RETURN_NONE;
}

static PyObject *
table_remove_snapshot(PyObject *self, PyObject *key)
{
    Row *row = look_up((Table *)self, key);
    if (row == NULL)
        return nothing();
    set_flag((Table *)self, row, HAS_SNAPSHOT, false);
    row->snapshot_seq = row->snapshot_version = 0;
    Py_RETURN_NONE;
}

static PyObject *
table_set_flags(PyObject *self, PyObject *args)
{
    Table *table = (Table *)self;
    const char *key;
    Py_ssize_t key_size;
    unsigned int mask, flags;
    if (!PyArg_ParseTuple(args, "y#II:set_flags", &key, &key_size, &mask, &flags))
        return NULL;
    mask &= HAS_ANOMALIES | NEEDS_EXAMINER | HAS_BAD_SNAPSHOT;
    uint32_t hash = hash_of(key, key_size);
    Py_ssize_t number = flags & mask ? find_or_add_row(table, key, key_size, hash) : find_row(table, key, key_size, hash);
    if (number < 0)
        return nothing();
    Row *row = &table->rows[number];
    row->flags = (row->flags & ~mask & ALL_FLAGS) | (flags & mask);
    Py_RETURN_NONE;
}

/* Append the key of a row to a list. */
static bool
append_key(PyObject *list, const Table *table, const Row *row)
{
    PyObject *key = PyBytes_FromStringAndSize(table->arena + row->key, (Py_ssize_t)row->key_size);
    bool is_appended = key != NULL && PyList_Append(list, key) == 0;
    Py_XDECREF(key);
    return is_appended;
}

static PyObject *
table_keys(PyObject *self, PyObject *args)
{
    const Table *table = (const Table *)self;
    Py_ssize_t first, count;
    unsigned int flags, without;
    if (!PyArg_ParseTuple(args, "nnII:keys", &first, &count, &flags, &without))
        return NULL;
    if (first < 0 || count < 0) {
        PyErr_SetString(PyExc_ValueError, "keys: negative number");
        return NULL;
    }
    PyObject *keys = PyList_New(0);
    for (Py_ssize_t number = first; keys != NULL && number < table->count && number - first < count; number++) {
        const Row *row = &table->rows[number];
        if (row->flags & flags && !(row->flags & without) && !append_key(keys, table, row))
            Py_CLEAR(keys);
    }
    return keys;
}

static PyObject *
table_unusual(PyObject *self, PyObject *value)
{
    const Table *table = (const Table *)self;
    long long first_version = PyLong_AsLongLong(value);
    if (first_version == -1 && PyErr_Occurred())
        return NULL;
    PyObject *keys = PyList_New(0);
    for (Py_ssize_t number = 0; keys != NULL && number < table->count; number++) {
        const Row *row = &table->rows[number];
        if (!(row->flags & HAS_ACTOR))
            continue;
        bool is_ordinary = !(row->flags & (HAS_ANOMALIES | HAS_BAD_SNAPSHOT)) && row->first_version <= first_version
                           && (!(row->flags & HAS_SNAPSHOT) || row->snapshot_version <= row->last_version);
        if (!is_ordinary && !append_key(keys, table, row))
            Py_CLEAR(keys);
    }
    return keys;
}

static PyObject *
table_between(PyObject *self, PyObject *args)
{
    const Table *table = (const Table *)self;
    long long first_before, last_from;
    if (!PyArg_ParseTuple(args, "LL:between", &first_before, &last_from))
        return NULL;
    PyObject *keys = PyList_New(0);
    for (Py_ssize_t number = 0; keys != NULL && number < table->count; number++) {
        const Row *row = &table->rows[number];
        if (row->flags & HAS_ACTOR && row->first_seq < first_before && row->last_seq >= last_from
            && !append_key(keys, table, row))
            Py_CLEAR(keys);
    }
    return keys;
}

static PyObject *
table_drop_snapshots_before(PyObject *self, PyObject *value)
{
    Table *table = (Table *)self;
    long long first_seq = PyLong_AsLongLong(value);
    if (first_seq == -1 && PyErr_Occurred())
        return NULL;
    for (Py_ssize_t number = 0; number < table->count; number++) {
        Row *row = &table->rows[number];
        if (row->flags & HAS_SNAPSHOT && row->snapshot_seq < first_seq) {
            set_flag(table, row, HAS_SNAPSHOT, false);
            row->snapshot_seq = row->snapshot_version = 0;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
get_row_count(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((Table *)self)->count);
}

static PyObject *
get_actor_count(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((Table *)self)->actors);
}

static PyObject *
get_snapshot_count(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((Table *)self)->snapshots);
}

static PyObject *
table_sizeof(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    const Table *table = (const Table *)self;
    return PyLong_FromSize_t(sizeof(Table) + (size_t)table->room * sizeof(Row) + table->slot_count * sizeof(Slot)
                             + table->arena_room);
}

static PyMethodDef table_methods[] = {
    {"take", table_take, METH_VARARGS, NULL},
    {"actor", table_actor, METH_O, NULL},
    {"snapshot", table_snapshot, METH_O, NULL},
    {"put_actor", table_put_actor, METH_VARARGS, NULL},
    {"put_snapshot", table_put_snapshot, METH_VARARGS, NULL},
    {"remove_actor", table_remove_actor, METH_O, NULL},
    {"remove_snapshot", table_remove_snapshot, METH_O, NULL},
    {"set_flags", table_set_flags, METH_VARARGS, NULL},
    {"keys", table_keys, METH_VARARGS, NULL},
    {"unusual", table_unusual, METH_O, NULL},
    {"between", table_between, METH_VARARGS, NULL},
    {"drop_snapshots_before", table_drop_snapshots_before, METH_O, NULL},
    {"dump", table_dump, METH_VARARGS, NULL},
    {"load", table_load, METH_O, NULL},
    {"__sizeof__", table_sizeof, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef table_attributes[] = {
    {"row_count", get_row_count, NULL, NULL, NULL},
    {"actor_count", get_actor_count, NULL, NULL, NULL},
    {"snapshot_count", get_snapshot_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject TableType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "auditor._speedups.Table",
    .tp_basicsize = sizeof(Table),
    .tp_new = table_new,
    .tp_dealloc = table_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_methods = table_methods,
    .tp_getset = table_attributes,
};
