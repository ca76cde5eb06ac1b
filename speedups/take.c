/* Takes ordinary messages into a table of actors: the next event of an actor, the first event of a new one, and good snapshots. */
#include "speedups.h"

#define BLOCK 32 /* Messages whose slots are fetched from memory before the first of them is taken. */

/* What `take` needs of a message. */
typedef struct {
    int64_t seq;
    const char *subject;
    Py_ssize_t subject_size;
    const char *data;
    Py_ssize_t data_size;
} View;

typedef struct {
    Py_buffer event_prefix, snapshot_prefix;
    long long until;
    int takes_new;
} Wanted;

typedef enum { FAILED = -1, STOP, EVENT, SNAPSHOT } Taken;

static bool
starts_with(const View *view, const Py_buffer *prefix)
{
    return prefix->len > 0 && view->subject_size >= prefix->len
           && memcmp(view->subject, prefix->buf, (size_t)prefix->len) == 0;
}

static bool
is_id_of(const Table *table, const Row *row, const Judged *judged)
{
    const char *id;
    Py_ssize_t size;
    get_id(table, row, &id, &size);
    return size == judged->actor_id_size && memcmp(id, judged->actor_id, (size_t)size) == 0;
}

/* Return whether `key` is the actor key of an id in which nothing is replaced: <type>.<id>. */
static bool
is_key_of(const char *key, Py_ssize_t key_size, const Judged *judged)
{
    const char *id = judged->actor_id, *type = id;
    Py_ssize_t id_size = judged->actor_id_size, type_size;
    const char *dash = id_size > 1 ? memchr(id + 1, '-', (size_t)id_size - 1) : NULL;
    if (dash != NULL)
        type_size = dash - id;
    else {
        type = "unknown";
        type_size = 7;
    }
    if (key_size != type_size + 1 + id_size || memcmp(key, type, (size_t)type_size) != 0 || key[type_size] != '.'
        || memcmp(key + type_size + 1, id, (size_t)id_size) != 0)
        return false;
    for (Py_ssize_t at = 0; at < id_size; at++)
        if (id[at] == ' ' || id[at] == '.' || id[at] == '*' || id[at] == '>')
            return false;
    return true;
}

static Taken
take_event(Table *table, const View *view, const char *key, Py_ssize_t key_size, uint32_t hash, const Wanted *wanted)
{
    Judged judged;
    Py_ssize_t number = find_row(table, key, key_size, hash);
    Row *row = number < 0 ? NULL : &table->rows[number];
    if (row != NULL && row->flags & NEEDS_EXAMINER)
        return STOP;
    if (!judge(view->data, view->data + view->data_size, false, &judged) || judged.version < 1)
        return STOP;
    if (row != NULL && row->flags & HAS_ACTOR) {
        if (judged.version != row->last_version + 1 || !is_id_of(table, row, &judged))
            return STOP;
        row->last_version = judged.version;
        row->last_seq = view->seq;
        return EVENT;
    }
    if (!wanted->takes_new || (row != NULL && row->flags & HAS_ANOMALIES) || !is_key_of(key, key_size, &judged))
        return STOP;
    number = find_or_add_row(table, key, key_size, hash);
    if (number < 0 || put_actor(table, number, judged.actor_id, judged.actor_id_size) < 0)
        return FAILED;
    row = &table->rows[number];
    row->first_version = row->last_version = judged.version;
    row->first_seq = row->last_seq = view->seq;
    return EVENT;
}

static Taken
take_snapshot(Table *table, const View *view, const char *key, Py_ssize_t key_size, uint32_t hash)
{
    Judged judged;
    Py_ssize_t number = find_row(table, key, key_size, hash);
    if (number >= 0 && table->rows[number].flags & HAS_BAD_SNAPSHOT)
        return STOP;
    if (!judge(view->data, view->data + view->data_size, true, &judged) || !is_key_of(key, key_size, &judged))
        return STOP;
    number = find_or_add_row(table, key, key_size, hash);
    if (number < 0)
        return FAILED;
    Row *row = &table->rows[number];
    row->snapshot_version = judged.version;
    row->snapshot_seq = view->seq;
    set_flag(table, row, HAS_SNAPSHOT, true);
    return SNAPSHOT;
}

/* Find the actor key of a message; NULL if `take` stops there. */
static const char *
key_of(const View *view, const Wanted *wanted, Py_ssize_t *size, bool *is_event)
{
    if (view->seq > wanted->until)
        return NULL;
    *is_event = starts_with(view, &wanted->event_prefix);
    if (!*is_event && !starts_with(view, &wanted->snapshot_prefix))
        return NULL;
    Py_ssize_t prefix_size = *is_event ? wanted->event_prefix.len : wanted->snapshot_prefix.len;
    *size = view->subject_size - prefix_size;
    if (*size > MAX_KEY_SIZE)
        return NULL;
    return view->subject + prefix_size;
}

static Taken
take_one(Table *table, const View *view, const Wanted *wanted)
{
    Py_ssize_t size;
    bool is_event;
    const char *key = key_of(view, wanted, &size, &is_event);
    if (key == NULL)
        return STOP;
    uint32_t hash = hash_of(key, size);
    return is_event ? take_event(table, view, key, size, hash, wanted) : take_snapshot(table, view, key, size, hash);
}

static View
view_of(const Batch *batch, Py_ssize_t at)
{
    const Message *message = &batch->messages[at];
    return (View){message->seq, batch->bytes + message->subject, message->subject_size, batch->bytes + message->data,
                  message->data_size};
}

/* Take messages of a batch from `at` on. Returns the number of the first that was not taken, or -1 with an exception. */
static Py_ssize_t
take_batch(Table *table, const Batch *batch, Py_ssize_t at, const Wanted *wanted, Py_ssize_t counts[3])
{
    struct {
        View view;
        const char *key;
        Py_ssize_t size;
        uint32_t hash;
        bool is_event;
    } block[BLOCK];
    while (at < batch->count) {
        int filled = 0;
        for (; filled < BLOCK && at + filled < batch->count; filled++) {
            block[filled].view = view_of(batch, at + filled);
            block[filled].key = key_of(&block[filled].view, wanted, &block[filled].size, &block[filled].is_event);
            if (block[filled].key == NULL)
                break;
            block[filled].hash = hash_of(block[filled].key, block[filled].size);
            if (table->slot_count)
                __builtin_prefetch(&table->slots[block[filled].hash & (table->slot_count - 1)]);
        }
        for (int i = 0; i < filled && table->slot_count; i++) {
            const Slot *slot = &table->slots[block[i].hash & (table->slot_count - 1)];
            if (slot->row)
                __builtin_prefetch(&table->rows[slot->row - 1]);
        }
        for (int i = 0; i < filled; i++, at++) {
            Taken taken = block[i].is_event ? take_event(table, &block[i].view, block[i].key, block[i].size,
                                                         block[i].hash, wanted)
                                            : take_snapshot(table, &block[i].view, block[i].key, block[i].size,
                                                            block[i].hash);
            if (taken <= STOP)
                return taken == STOP ? at : -1;
            counts[taken]++;
        }
        if (filled < BLOCK)
            return at;
    }
    return at;
}

/* Take the StoredMessage at `at` of any sequence. Everything that can run Python comes before the table is used. */
static Taken
take_object(Table *table, PyObject *messages, Py_ssize_t at, const Wanted *wanted)
{
    Taken taken = FAILED;
    PyObject *message = PySequence_GetItem(messages, at);
    PyObject *seq = message ? PyObject_GetAttrString(message, "seq") : NULL;
    PyObject *subject = seq ? PyObject_GetAttrString(message, "subject") : NULL;
    PyObject *data = subject ? PyObject_GetAttrString(message, "data") : NULL;
    View view;
    if (data == NULL)
        goto done;
    if (!PyBytes_Check(subject) || !PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "a message has a subject and a body of bytes");
        goto done;
    }
    view = (View){PyLong_AsLongLong(seq), PyBytes_AS_STRING(subject), PyBytes_GET_SIZE(subject), PyBytes_AS_STRING(data),
                  PyBytes_GET_SIZE(data)};
    if (view.seq == -1 && PyErr_Occurred())
        goto done;
    taken = take_one(table, &view, wanted);
done:
    Py_XDECREF(data);
    Py_XDECREF(subject);
    Py_XDECREF(seq);
    Py_XDECREF(message);
    return taken;
}

PyObject *
table_take(PyObject *self, PyObject *args)
{
    Table *table = (Table *)self;
    PyObject *messages;
    Py_ssize_t at, counts[3] = {0, 0, 0};
    Wanted wanted;
    if (!PyArg_ParseTuple(args, "Ony*y*Lp:take", &messages, &at, &wanted.event_prefix, &wanted.snapshot_prefix,
                          &wanted.until, &wanted.takes_new))
        return NULL;
    if (at < 0) {
        PyErr_SetString(PyExc_ValueError, "take: `at` is negative");
        at = -1;
    }
    else if (Py_IS_TYPE(messages, &BatchType))
        at = take_batch(table, (const Batch *)messages, at, &wanted, counts);
    else {
        Py_ssize_t count = PySequence_Size(messages);
        Taken taken = count < 0 ? FAILED : EVENT;
        while (taken > STOP && at < count) {
            taken = take_object(table, messages, at, &wanted);
            if (taken > STOP) {
                counts[taken]++;
                at++;
            }
        }
        if (taken == FAILED)
            at = -1;
    }
    PyBuffer_Release(&wanted.event_prefix);
    PyBuffer_Release(&wanted.snapshot_prefix);
    return at < 0 ? NULL : Py_BuildValue("nnn", at, counts[EVENT], counts[SNAPSHOT]);
}
