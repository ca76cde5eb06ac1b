/* Encodes rows of a table of actors as bytes, and adds encoded rows to a table. auditor/core/state/actor_rows.py describes the bytes. */
#include "speedups.h"

#include <stddef.h>

#define COUNT_SIZE 4
#define KEY_SIZE_SIZE 4
#define NUMBERS 6
#define NUMBER_SIZE 8
#define FIXED_SIZE (1 + KEY_SIZE_SIZE + NUMBERS * NUMBER_SIZE) /* Bytes of a row without its key and id. */

static const size_t number_offsets[NUMBERS] = {
    offsetof(Row, first_version), offsetof(Row, first_seq),        offsetof(Row, last_version),
    offsetof(Row, last_seq),      offsetof(Row, snapshot_version), offsetof(Row, snapshot_seq),
};

static int64_t
get_number(const Row *row, int number)
{
    int64_t value;
    memcpy(&value, (const char *)row + number_offsets[number], sizeof value);
    return value;
}

static void
put_number(Row *row, int number, int64_t value)
{
    memcpy((char *)row + number_offsets[number], &value, sizeof value);
}

/* Write one value of a column of `count` values: its lowest byte, and `count` bytes later the next one. */
static void
put_planes(char *column, Py_ssize_t count, Py_ssize_t at, int size, uint64_t value)
{
    for (int plane = 0; plane < size; plane++, value >>= 8)
        column[plane * count + at] = (char)(value & 0xFF);
}

static uint64_t
get_planes(const char *column, Py_ssize_t count, Py_ssize_t at, int size)
{
    uint64_t value = 0;
    for (int plane = size - 1; plane >= 0; plane--)
        value = value << 8 | (unsigned char)column[plane * count + at];
    return value;
}

PyObject *
table_dump(PyObject *self, PyObject *args)
{
    const Table *table = (const Table *)self;
    Py_ssize_t first, wanted, count = 0, own_count = 0, size = 0;
    if (!PyArg_ParseTuple(args, "nn:dump", &first, &wanted))
        return NULL;
    if (first < 0 || wanted < 0) {
        PyErr_SetString(PyExc_ValueError, "dump: negative number");
        return NULL;
    }
    Py_ssize_t end = first > table->count || wanted > table->count - first ? table->count : first + wanted;
    const char *id;
    Py_ssize_t id_size;
    for (Py_ssize_t number = first; number < end; number++) {
        const Row *row = &table->rows[number];
        if (row->flags == 0)
            continue;
        count++;
        size += (Py_ssize_t)row->key_size;
        if (row->flags & OWN_ID) {
            get_id(table, row, &id, &id_size);
            own_count++;
            size += id_size;
        }
    }
    size += COUNT_SIZE + count * FIXED_SIZE + own_count * KEY_SIZE_SIZE;
    PyObject *result = PyBytes_FromStringAndSize(NULL, size);
    if (result == NULL)
        return NULL;
    char *flags = PyBytes_AS_STRING(result) + COUNT_SIZE, *key_sizes = flags + count;
    char *numbers = key_sizes + count * KEY_SIZE_SIZE, *id_sizes = numbers + count * NUMBERS * NUMBER_SIZE;
    char *keys = id_sizes + own_count * KEY_SIZE_SIZE;
    put_planes(PyBytes_AS_STRING(result), 1, 0, COUNT_SIZE, (uint64_t)count);
    Py_ssize_t at = 0, own = 0;
    for (Py_ssize_t number = first; number < end; number++) {
        const Row *row = &table->rows[number];
        if (row->flags == 0)
            continue;
        flags[at] = (char)row->flags;
        put_planes(key_sizes, count, at, KEY_SIZE_SIZE, row->key_size);
        for (int each = 0; each < NUMBERS; each++)
            put_planes(numbers + each * count * NUMBER_SIZE, count, at, NUMBER_SIZE, (uint64_t)get_number(row, each));
        memcpy(keys, table->arena + row->key, row->key_size);
        keys += row->key_size;
        at++;
    }
    for (Py_ssize_t number = first; number < end; number++) {
        const Row *row = &table->rows[number];
        if (row->flags & OWN_ID) {
            get_id(table, row, &id, &id_size);
            put_planes(id_sizes, own_count, own++, KEY_SIZE_SIZE, (uint64_t)id_size);
            memcpy(keys, id, (size_t)id_size);
            keys += id_size;
        }
    }
    return result;
}

/* Return whether an id is UTF-8, as that of every actor is. */
static bool
is_utf8(const char *bytes, Py_ssize_t size)
{
    for (Py_ssize_t at = 0; at < size; at++)
        if ((unsigned char)bytes[at] >= 0x80) {
            PyObject *text = PyUnicode_DecodeUTF8(bytes, size, NULL);
            Py_XDECREF(text);
            PyErr_Clear();
            return text != NULL;
        }
    return true;
}

/* The columns of encoded rows. */
typedef struct {
    Py_ssize_t count, own_count;
    const char *flags, *key_sizes, *numbers, *id_sizes;
    const char *keys, *ids, *end; /* Of the next row. */
} Columns;

static bool
flags_are_valid(unsigned flags)
{
    return flags != 0 && flags <= ALL_FLAGS && (flags & HAS_ACTOR || !(flags & OWN_ID));
}

/* Find the columns, and check every size. */
static bool
find_columns(const char *bytes, Py_ssize_t size, Columns *columns)
{
    if (size < COUNT_SIZE)
        return false;
    Py_ssize_t left = size - COUNT_SIZE, count = (Py_ssize_t)get_planes(bytes, 1, 0, COUNT_SIZE);
    if (count > left / FIXED_SIZE)
        return false;
    left -= count * FIXED_SIZE;
    columns->count = count;
    columns->own_count = 0;
    columns->flags = bytes + COUNT_SIZE;
    columns->key_sizes = columns->flags + count;
    columns->numbers = columns->key_sizes + count * KEY_SIZE_SIZE;
    columns->id_sizes = columns->numbers + count * NUMBERS * NUMBER_SIZE;
    for (Py_ssize_t at = 0; at < count; at++) {
        unsigned flags = (unsigned char)columns->flags[at];
        if (!flags_are_valid(flags))
            return false;
        columns->own_count += (flags & OWN_ID) != 0;
    }
    if (columns->own_count > left / KEY_SIZE_SIZE)
        return false;
    left -= columns->own_count * KEY_SIZE_SIZE;
    columns->keys = columns->ids = columns->id_sizes + columns->own_count * KEY_SIZE_SIZE;
    for (Py_ssize_t at = 0; at < count; at++) {
        Py_ssize_t key_size = (Py_ssize_t)get_planes(columns->key_sizes, count, at, KEY_SIZE_SIZE);
        if (key_size > left || key_size > MAX_KEY_SIZE)
            return false;
        left -= key_size;
        columns->ids += key_size;
    }
    for (Py_ssize_t own = 0; own < columns->own_count; own++) {
        Py_ssize_t id_size = (Py_ssize_t)get_planes(columns->id_sizes, columns->own_count, own, KEY_SIZE_SIZE);
        if (id_size > left || id_size > MAX_KEY_SIZE)
            return false;
        left -= id_size;
    }
    return left == 0;
}

/* Add one row. Returns 1, 0 if the bytes are damaged, or -1 with an exception. */
static int
load_row(Table *table, Columns *columns, Py_ssize_t at, Py_ssize_t *own)
{
    unsigned flags = (unsigned char)columns->flags[at];
    const char *key = columns->keys, *id;
    Py_ssize_t key_size = (Py_ssize_t)get_planes(columns->key_sizes, columns->count, at, KEY_SIZE_SIZE), id_size;
    columns->keys += key_size;
    uint32_t hash = hash_of(key, key_size);
    if (find_row(table, key, key_size, hash) >= 0)
        return 0;
    if (flags & OWN_ID) {
        id = columns->ids;
        id_size = (Py_ssize_t)get_planes(columns->id_sizes, columns->own_count, (*own)++, KEY_SIZE_SIZE);
        columns->ids += id_size;
    }
    else {
        const char *dot = memchr(key, '.', (size_t)key_size);
        id = dot ? dot + 1 : key;
        id_size = key_size - (id - key);
    }
    if (flags & HAS_ACTOR && !is_utf8(id, id_size))
        return 0;
    Py_ssize_t number = find_or_add_row(table, key, key_size, hash);
    if (number < 0 || (flags & HAS_ACTOR && put_actor(table, number, id, id_size) < 0))
        return -1;
    Row *row = &table->rows[number];
    for (int each = 0; each < NUMBERS; each++)
        put_number(row, each,
                   (int64_t)get_planes(columns->numbers + each * columns->count * NUMBER_SIZE, columns->count, at,
                                       NUMBER_SIZE));
    set_flag(table, row, HAS_SNAPSHOT, flags & HAS_SNAPSHOT);
    row->flags |= flags & (HAS_ANOMALIES | NEEDS_EXAMINER | HAS_BAD_SNAPSHOT);
    return 1;
}

PyObject *
table_load(PyObject *self, PyObject *data)
{
    Table *table = (Table *)self;
    Py_buffer bytes;
    Columns columns;
    Py_ssize_t own = 0;
    if (PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) < 0)
        return NULL;
    int loaded = find_columns(bytes.buf, bytes.len, &columns);
    for (Py_ssize_t at = 0; loaded == 1 && at < columns.count; at++)
        loaded = load_row(table, &columns, at, &own);
    PyBuffer_Release(&bytes);
    if (loaded == 0)
        PyErr_SetString(PyExc_ValueError, "rows of actors do not decode");
    if (loaded != 1)
        return NULL;
    Py_RETURN_NONE;
}
