/* Declares what the files of auditor._speedups share. Each function that reads bytes takes their end, and reads nothing behind it. */
#ifndef AUDITOR_SPEEDUPS_H
#define AUDITOR_SPEEDUPS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Increase it with every change of what Python sees. auditor/speedups.py uses no module with another number. */
#define INTERFACE 1

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

PyObject *speedups_cut(PyObject *module, PyObject *args);

#endif
