/* Cuts the bytes of a connection into batches of the messages that one consumer delivers.
 *
 * `cut` takes messages of one exact form and stops at anything else. FrameParser in auditor/jetstream/connection/frames.py decides
 * about the rest, so a message that is not taken here is not lost.
 */
#include "speedups.h"

#define MAX_LINE 4200               /* Bytes of a message line: the limit of a server is 4,096 by default. */
#define MAX_NUMBER ((uint64_t)1 << 62) /* Sums of two numbers fit into an int64. */
#define MAX_BUFFER ((Py_ssize_t)1 << 31) /* Bytes of one batch, so that an offset has 32 bits. */

typedef struct {
    const char *sid;
    Py_ssize_t sid_size;
    const char *prefix;
    Py_ssize_t prefix_size;
} Consumer;

/* The result of parsing one frame. */
typedef struct {
    Message message;
    int64_t consumer_seq;
    int64_t pending;
    const char *end;
} Frame;

/* Read a decimal number at `*at`, and move `*at` behind it. */
static bool
read_number(const char **at, const char *end, int64_t *number)
{
    const char *p = *at;
    uint64_t value = 0;
    while (p < end && (unsigned char)(*p - '0') <= 9) {
        if (p - *at == 19) /* 19 digits fit into 64 bits */
            return false;
        value = value * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == *at || value > MAX_NUMBER)
        return false;
    *at = p;
    *number = (int64_t)value;
    return true;
}

static bool
skip(const char **at, const char *end, const char *expected, Py_ssize_t size)
{
    if (end - *at < size || memcmp(*at, expected, (size_t)size) != 0)
        return false;
    *at += size;
    return true;
}

/* Parse one frame at `at`: [H]MSG <subject> <sid> <prefix><seq>.<consumer seq>.<time>.<pending>[.<token>] [<header size>] <size> */
static bool
parse_frame(const char *base, const char *at, const char *end, const Consumer *consumer, Frame *frame)
{
    Message *message = &frame->message;
    const char *p = at, *line_end;
    bool has_headers = p < end && *p == 'H';
    if (has_headers)
        p++;
    if (!skip(&p, end, "MSG ", 4))
        return false;
    line_end = memchr(p, '\r', (size_t)(end - p < MAX_LINE ? end - p : MAX_LINE));
    if (line_end == NULL || line_end + 1 >= end || line_end[1] != '\n')
        return false;

    const char *subject = p;
    p = memchr(p, ' ', (size_t)(line_end - p));
    if (p == NULL || p == subject)
        return false;
    message->subject = (uint32_t)(subject - base);
    message->subject_size = (uint32_t)(p - subject);
    p++;
    if (!skip(&p, line_end, consumer->sid, consumer->sid_size) || !skip(&p, line_end, " ", 1)
        || !skip(&p, line_end, consumer->prefix, consumer->prefix_size))
        return false;
    if (!read_number(&p, line_end, &message->seq) || !skip(&p, line_end, ".", 1)
        || !read_number(&p, line_end, &frame->consumer_seq) || !skip(&p, line_end, ".", 1)
        || !read_number(&p, line_end, &message->time_ns) || !skip(&p, line_end, ".", 1)
        || !read_number(&p, line_end, &frame->pending))
        return false;
    if (p < line_end && *p == '.') {
        p = memchr(p, ' ', (size_t)(line_end - p));
        if (p == NULL)
            return false;
    }
    int64_t header_size = 0, size;
    if (has_headers && (!skip(&p, line_end, " ", 1) || !read_number(&p, line_end, &header_size)))
        return false;
    if (!skip(&p, line_end, " ", 1) || !read_number(&p, line_end, &size) || p != line_end)
        return false;

    const char *body = line_end + 2;
    if (header_size > size || size > end - body - 2) /* line_end + 1 < end, so body <= end */
        return false;
    if (body[size] != '\r' || body[size + 1] != '\n')
        return false;
    message->headers = (uint32_t)(body - base);
    message->has_headers = has_headers;
    message->data = (uint32_t)(body + header_size - base);
    message->data_size = (uint32_t)(size - header_size);
    frame->end = body + size + 2;
    return true;
}

PyObject *
speedups_cut(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer data;
    Py_ssize_t at;
    Consumer consumer;
    PyObject *make_message, *result = NULL;
    if (!PyArg_ParseTuple(args, "y*ny#y#O:cut", &data, &at, &consumer.sid, &consumer.sid_size, &consumer.prefix,
                          &consumer.prefix_size, &make_message))
        return NULL;
    if (at < 0 || at > data.len) {
        PyBuffer_Release(&data);
        PyErr_SetString(PyExc_ValueError, "cut: `at` is outside the bytes");
        return NULL;
    }
    const char *base = (const char *)data.buf + at;
    const char *end = base + (data.len - at < MAX_BUFFER ? data.len - at : MAX_BUFFER);
    const char *p = base;
    Message *messages = NULL;
    Py_ssize_t count = 0, room = 0;
    int64_t first_consumer_seq = 0, last_consumer_seq = 0, pending = 0;
    Frame frame;
    while (parse_frame(base, p, end, &consumer, &frame)) {
        if (count == 0) {
            if (frame.message.seq < 1 || frame.consumer_seq < 1)
                break;
            first_consumer_seq = frame.consumer_seq;
        }
        else if (frame.message.seq <= messages[count - 1].seq || frame.consumer_seq - 1 != last_consumer_seq)
            break;
        if (count == room) {
            room = room ? room * 2 : 256;
            Message *more = PyMem_Realloc(messages, (size_t)room * sizeof(Message));
            if (more == NULL) {
                PyErr_NoMemory();
                goto done;
            }
            messages = more;
        }
        messages[count++] = frame.message;
        last_consumer_seq = frame.consumer_seq;
        pending = frame.pending;
        p = frame.end;
    }
    if (count == 0) {
        result = Py_BuildValue("On", Py_None, at);
        goto done;
    }
    Batch *batch = PyObject_New(Batch, &BatchType);
    if (batch == NULL)
        goto done;
    batch->owner = NULL;
    batch->make_message = Py_NewRef(make_message);
    batch->bytes = PyMem_Malloc((size_t)(p - base));
    batch->messages = messages;
    batch->count = count;
    batch->first_consumer_seq = first_consumer_seq;
    batch->pending = pending;
    messages = NULL;
    if (batch->bytes == NULL) {
        Py_DECREF(batch);
        PyErr_NoMemory();
        goto done;
    }
    memcpy(batch->bytes, base, (size_t)(p - base));
    result = Py_BuildValue("Nn", batch, at + (p - base));
done:
    PyMem_Free(messages);
    PyBuffer_Release(&data);
    return result;
}
