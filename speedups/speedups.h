/* Declares what the files of auditor._speedups share. Each function that reads bytes takes their end, and reads nothing behind it. */
#ifndef AUDITOR_SPEEDUPS_H
#define AUDITOR_SPEEDUPS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Increase it with every change of what Python sees. auditor/speedups.py uses no module with another number. */
#define INTERFACE 3

/* One message of a batch. Offsets are in the bytes of the batch. */
typedef struct {
    int64_t seq;
    int64_t time_ns;
    uint32_t subject;
    uint32_t subject_size;
    uint32_t headers;
    uint32_t data; /* The header block ends here. */
    uint32_t data_size;
    uint32_t has_headers;
} Message;

/* Messages with ascending sequences. A slice has a reference to the batch that has the bytes. */
typedef struct {
    PyObject_HEAD
    PyObject *owner;       /* The batch that has `bytes` and `messages`; NULL if this one has. */
    PyObject *make_message; /* Called with the five fields of a StoredMessage. */
    char *bytes;
    Message *messages;
    Py_ssize_t count; /* At least 1. */
    int64_t first_consumer_seq;
    int64_t pending;
} Batch;

extern PyTypeObject BatchType;

/* The result of judging a body. */
typedef struct {
    const char *actor_id; /* In the body, not empty. */
    Py_ssize_t actor_id_size;
    int64_t version;
} Judged;

/* The state of one actor. A row stays when it becomes empty, so that a number names the same actor. */
typedef struct {
    int64_t first_version, first_seq, last_version, last_seq;
    int64_t snapshot_version, snapshot_seq;
    uint64_t key : 36; /* Offset of the actor key in the arena. Behind the key is the id if the row has OWN_ID. */
    uint64_t key_size : 20;
    uint64_t flags : 8;
} Row;

#define MAX_KEY_SIZE (((Py_ssize_t)1 << 20) - 1) /* Also of an id. */

enum {
    HAS_ACTOR = 1,    /* The versions and sequences of events are set. */
    HAS_SNAPSHOT = 2, /* The version and the sequence of the last snapshot are set. */
    HAS_ANOMALIES = 4,
    NEEDS_EXAMINER = 8,   /* `take` stops before the next event of the actor. */
    HAS_BAD_SNAPSHOT = 16, /* `take` stops before the next snapshot of the actor. */
    OWN_ID = 32,           /* The id is not the second token of the key. */
    ALL_FLAGS = 63,
};

typedef struct {
    uint32_t hash;
    uint32_t row; /* Number of the row plus 1; 0 if the slot is empty. */
} Slot;

typedef struct {
    PyObject_HEAD
    Row *rows;
    Py_ssize_t count, room;
    Slot *slots;
    size_t slot_count; /* A power of two, or 0. */
    char *arena;
    size_t arena_size, arena_room;
    Py_ssize_t actors, snapshots;
} Table;

extern PyTypeObject TableType;

/* judge.c */
bool judge(const char *body, const char *end, bool is_snapshot, Judged *judged);
PyObject *speedups_judge(PyObject *module, PyObject *args);

/* table.c */
uint32_t hash_of(const char *key, Py_ssize_t size);
Py_ssize_t find_row(const Table *table, const char *key, Py_ssize_t size, uint32_t hash);
Py_ssize_t find_or_add_row(Table *table, const char *key, Py_ssize_t size, uint32_t hash);
void get_id(const Table *table, const Row *row, const char **id, Py_ssize_t *size);
int put_actor(Table *table, Py_ssize_t number, const char *id, Py_ssize_t id_size);
void set_flag(Table *table, Row *row, unsigned flag, bool is_set);

/* take.c, rows.c */
PyObject *table_take(PyObject *self, PyObject *args);
PyObject *table_dump(PyObject *self, PyObject *args);
PyObject *table_load(PyObject *self, PyObject *data);

PyObject *speedups_cut(PyObject *module, PyObject *args);

#endif
