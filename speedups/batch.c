/* The batch: the messages that `cut` took, without an object for each. It is a sequence that makes objects when asked. */
#include "speedups.h"

static PyObject *
make_message(const Batch *self, const Message *message)
{
    PyObject *headers = Py_None;
    if (message->has_headers) {
        headers = PyBytes_FromStringAndSize(self->bytes + message->headers, message->data - message->headers);
        if (headers == NULL)
            return NULL;
    }
    else
        Py_INCREF(headers);
    return PyObject_CallFunction(self->make_message, "LLy#Ny#", (long long)message->seq, (long long)message->time_ns,
                                 self->bytes + message->subject, (Py_ssize_t)message->subject_size, headers,
                                 self->bytes + message->data, (Py_ssize_t)message->data_size);
}

static void
batch_dealloc(PyObject *object)
{
    Batch *self = (Batch *)object;
    if (self->owner == NULL) {
        PyMem_Free(self->bytes);
        PyMem_Free(self->messages);
    }
    Py_XDECREF(self->owner);
    Py_DECREF(self->make_message);
    PyObject_Free(self);
}

static Py_ssize_t
batch_length(PyObject *self)
{
    return ((Batch *)self)->count;
}

static PyObject *
batch_item(PyObject *object, Py_ssize_t index)
{
    Batch *self = (Batch *)object;
    if (index < 0 || index >= self->count) {
        PyErr_SetString(PyExc_IndexError, "batch index out of range");
        return NULL;
    }
    return make_message(self, &self->messages[index]);
}

/* A slice without a step is another batch; of no messages, an empty list. */
static PyObject *
batch_slice(Batch *self, PyObject *slice)
{
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0)
        return NULL;
    Py_ssize_t count = PySlice_AdjustIndices(self->count, &start, &stop, step);
    if (step != 1) {
        PyErr_SetString(PyExc_ValueError, "a batch has no slices with a step");
        return NULL;
    }
    if (count == 0)
        return PyList_New(0);
    Batch *part = PyObject_New(Batch, &BatchType);
    if (part == NULL)
        return NULL;
    part->owner = Py_NewRef(self->owner ? self->owner : (PyObject *)self);
    part->make_message = Py_NewRef(self->make_message);
    part->bytes = self->bytes;
    part->messages = self->messages + start;
    part->count = count;
    part->first_consumer_seq = self->first_consumer_seq + start;
    part->pending = self->pending + (self->count - stop);
    return (PyObject *)part;
}

static PyObject *
batch_subscript(PyObject *object, PyObject *index)
{
    if (PySlice_Check(index))
        return batch_slice((Batch *)object, index);
    Py_ssize_t at = PyNumber_AsSsize_t(index, PyExc_IndexError);
    if (at == -1 && PyErr_Occurred())
        return NULL;
    return batch_item(object, at < 0 ? at + ((Batch *)object)->count : at);
}

static PyObject *
batch_missing_from(PyObject *object, PyObject *first)
{
    Batch *self = (Batch *)object;
    long long next = PyLong_AsLongLong(first);
    if (next == -1 && PyErr_Occurred())
        return NULL;
    PyObject *missing = PyList_New(0);
    for (Py_ssize_t at = 0; missing != NULL && at < self->count; at++) {
        int64_t seq = self->messages[at].seq;
        if (seq != next) {
            PyObject *range = Py_BuildValue("(LL)", next, (long long)seq - 1);
            if (range == NULL || PyList_Append(missing, range) < 0)
                Py_CLEAR(missing);
            Py_XDECREF(range);
        }
        next = (long long)seq + 1; /* a sequence is below 2**63 - 1, see `cut` */
    }
    return missing;
}

/* Write a number as `size` bytes, the highest first. Returns the place behind them. */
static char *
put_number(char *at, uint64_t value, int size)
{
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        *at++ = (char)(value >> shift & 0xFF);
    return at;
}

#define DIGESTED_FIELDS_SIZE 32 /* Sequence 8, time 8, sizes of subject 4, headers 8 and body 4. */

static PyObject *
batch_digested_bytes(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    const Batch *self = (const Batch *)object;
    Py_ssize_t size = self->count * DIGESTED_FIELDS_SIZE; /* all else is in `bytes`, so the sum cannot overflow */
    for (Py_ssize_t at = 0; at < self->count; at++) {
        const Message *message = &self->messages[at];
        size += (Py_ssize_t)message->subject_size + (message->data - message->headers) + message->data_size;
    }
    PyObject *result = PyBytes_FromStringAndSize(NULL, size);
    if (result == NULL)
        return NULL;
    char *p = PyBytes_AS_STRING(result);
    for (Py_ssize_t at = 0; at < self->count; at++) {
        const Message *message = &self->messages[at];
        uint32_t header_size = message->data - message->headers;
        p = put_number(p, (uint64_t)message->seq, 8);
        p = put_number(p, (uint64_t)message->time_ns, 8);
        p = put_number(p, message->subject_size, 4);
        p = put_number(p, message->has_headers ? header_size : UINT64_MAX, 8);
        p = put_number(p, message->data_size, 4);
        memcpy(p, self->bytes + message->subject, message->subject_size);
        p += message->subject_size;
        memcpy(p, self->bytes + message->headers, header_size + message->data_size); /* the body follows the headers */
        p += header_size + message->data_size;
    }
    return result;
}

static PyObject *
get_first_seq(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Batch *)self)->messages[0].seq);
}

static PyObject *
get_last_seq(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Batch *)self)->messages[((Batch *)self)->count - 1].seq);
}

static PyObject *
get_first_consumer_seq(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Batch *)self)->first_consumer_seq);
}

static PyObject *
get_pending(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLongLong(((Batch *)self)->pending);
}

static PyObject *
get_data_bytes(PyObject *object, void *Py_UNUSED(closure))
{
    Batch *self = (Batch *)object;
    unsigned long long sum = 0;
    for (Py_ssize_t at = 0; at < self->count; at++)
        sum += self->messages[at].data_size;
    return PyLong_FromUnsignedLongLong(sum);
}

static PyGetSetDef batch_attributes[] = {
    {"first_seq", get_first_seq, NULL, NULL, NULL},
    {"last_seq", get_last_seq, NULL, NULL, NULL},
    {"first_consumer_seq", get_first_consumer_seq, NULL, NULL, NULL},
    {"pending", get_pending, NULL, NULL, NULL},
    {"data_bytes", get_data_bytes, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef batch_methods[] = {
    {"missing_from", batch_missing_from, METH_O, NULL},
    {"digested_bytes", batch_digested_bytes, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods batch_as_sequence = {.sq_length = batch_length, .sq_item = batch_item};
static PyMappingMethods batch_as_mapping = {.mp_length = batch_length, .mp_subscript = batch_subscript};

PyTypeObject BatchType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "auditor._speedups.Batch",
    .tp_basicsize = sizeof(Batch),
    .tp_dealloc = batch_dealloc,
    .tp_as_sequence = &batch_as_sequence,
    .tp_as_mapping = &batch_as_mapping,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_SEQUENCE,
    .tp_methods = batch_methods,
    .tp_getset = batch_attributes,
};
