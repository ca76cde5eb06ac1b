/* Judges the bodies of events and snapshots of the common form. What is true here, the exact decoder of auditor/aether/gojson accepts
 * with the same actor id and version. What is false here may be either, and Python decides.
 *
 * Of the common form is a JSON object with these properties. Its keys are known ones, each at most once, and without escapes. Strings
 * are valid UTF-8 without escaped surrogates. The actor id has no escapes and the version at most 18 digits. Scalars are not null.
 * Numbers have at most 64 characters and an exponent of at most two digits, so float64 has them. At most 60 values are nested.
 */
#include "speedups.h"

#define MAX_DEPTH 60 /* Fits into the 64 bits of `skip_value`, and is far below Go's 10,000. */
#define MAX_NUMBER_SIZE 64
#define MAX_VERSION_DIGITS 18

static const char *
skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

static bool
is_digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') <= 9;
}

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Return the end of the UTF-8 sequence of more than one byte at `p`; NULL if it is not valid. */
static const char *
skip_utf8(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    Py_ssize_t left = end - at;
    unsigned char low = 0x80, high = 0xBF;
    int size;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        size = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        size = 3;
        if (p[0] == 0xE0)
            low = 0xA0; /* shorter forms exist */
        else if (p[0] == 0xED)
            high = 0x9F; /* surrogates */
    }
    else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        size = 4;
        if (p[0] == 0xF0)
            low = 0x90;
        else if (p[0] == 0xF4)
            high = 0x8F; /* above U+10FFFF */
    }
    else
        return NULL;
    if (left < size || p[1] < low || p[1] > high)
        return NULL;
    for (int i = 2; i < size; i++)
        if ((p[i] & 0xC0) != 0x80)
            return NULL;
    return at + size;
}

/* Return the place behind the escape at `p`, a backslash; NULL if it is not valid or a surrogate. */
static const char *
skip_escape(const char *p, const char *end)
{
    if (end - p < 2)
        return NULL;
    if (p[1] != 'u')
        return strchr("\"\\/bfnrt", p[1]) != NULL && p[1] != '\0' ? p + 2 : NULL;
    if (end - p < 6)
        return NULL;
    int code = 0;
    for (int i = 2; i < 6; i++) {
        int value = hex(p[i]);
        if (value < 0)
            return NULL;
        code = code * 16 + value;
    }
    return code >= 0xD800 && code <= 0xDFFF ? NULL : p + 6;
}

/* Return the place behind the plain characters at `p`, eight at a time: ASCII without quotes, backslashes and control characters.
 * Fewer than eight plain characters may be left. Byte by byte, half of the time of a pass would be spent here. */
static const char *
skip_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones * 0x80;
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        uint64_t quotes = word ^ ones * '"', backslashes = word ^ ones * '\\';
        /* A byte below 0x80 sets its high bit in one of these if it is below 0x20, a quote or a backslash. */
        uint64_t stops = (word - ones * 0x20) | (quotes - ones) | (backslashes - ones) | word;
        if (stops & highs)
            break;
        p += 8;
    }
    return p;
}

/* Return the place behind the string at `p`, which is its opening quote; NULL if it is not valid. */
static const char *
skip_string(const char *p, const char *end, bool *has_escapes)
{
    *has_escapes = false;
    if (p >= end || *p != '"')
        return NULL;
    p++;
    while (p < end) {
        unsigned char c = (unsigned char)*p;
        if (c == '"')
            return p + 1;
        if (c == '\\') {
            *has_escapes = true;
            p = skip_escape(p, end);
        }
        else if (c < 0x20)
            return NULL;
        else if (c < 0x80)
            p = skip_plain(p + 1, end);
        else
            p = skip_utf8(p, end);
        if (p == NULL)
            return NULL;
    }
    return NULL;
}

static const char *
skip_digits(const char *p, const char *end)
{
    while (is_digit(p, end))
        p++;
    return p;
}

static const char *
skip_number(const char *p, const char *end)
{
    const char *start = p;
    if (p < end && *p == '-')
        p++;
    if (!is_digit(p, end))
        return NULL;
    p = *p == '0' ? p + 1 : skip_digits(p, end);
    if (p < end && *p == '.') {
        if (!is_digit(++p, end))
            return NULL;
        p = skip_digits(p, end);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *digits = p;
        p = skip_digits(p, end);
        if (p == digits || p - digits > 2)
            return NULL;
    }
    return p - start <= MAX_NUMBER_SIZE ? p : NULL;
}

static const char *
skip_literal(const char *p, const char *end)
{
    static const char *const literals[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        Py_ssize_t size = (Py_ssize_t)strlen(literals[i]);
        if (end - p >= size && memcmp(p, literals[i], (size_t)size) == 0)
            return p + size;
    }
    return NULL;
}

static const char *
skip_scalar(const char *p, const char *end)
{
    bool has_escapes;
    if (p < end && *p == '"')
        return skip_string(p, end, &has_escapes);
    if (p < end && (*p == '-' || is_digit(p, end)))
        return skip_number(p, end);
    return skip_literal(p, end);
}

/* Return the place behind the key at `p` and its colon. */
static const char *
skip_key(const char *p, const char *end)
{
    bool has_escapes;
    p = skip_string(skip_space(p, end), end, &has_escapes);
    if (p == NULL)
        return NULL;
    p = skip_space(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* Return the place behind the value at `p`; NULL if it is not of the common form. The last bit of `objects` says whether the
 * innermost open container is an object, the next one the same of the container around it. */
static const char *
skip_value(const char *p, const char *end)
{
    uint64_t objects = 0;
    int depth = 0;
    for (;;) {
        p = skip_space(p, end);
        if (p >= end)
            return NULL;
        bool is_open = false;
        if (*p == '{' || *p == '[') {
            if (depth == MAX_DEPTH)
                return NULL;
            depth++;
            objects = objects << 1 | (*p == '{');
            p = skip_space(p + 1, end);
            is_open = p < end && *p != (objects & 1 ? '}' : ']');
        }
        else {
            p = skip_scalar(p, end);
            if (p == NULL)
                return NULL;
        }
        while (!is_open) {
            if (depth == 0)
                return p;
            p = skip_space(p, end);
            if (p >= end)
                return NULL;
            if (*p == ',')
                is_open = true;
            else if (*p == (objects & 1 ? '}' : ']')) {
                depth--;
                objects >>= 1;
            }
            else
                return NULL;
            p++;
        }
        if (objects & 1) {
            p = skip_key(p, end);
            if (p == NULL)
                return NULL;
        }
    }
}

/* Return the place behind an object, or null, at `p`. */
static const char *
skip_map(const char *p, const char *end)
{
    if (p < end && *p == '{')
        return skip_value(p, end);
    return p < end && *p == 'n' ? skip_literal(p, end) : NULL;
}

/* Return the place behind an object of strings, or null, at `p`. */
static const char *
skip_string_map(const char *p, const char *end)
{
    bool has_escapes;
    if (p >= end || *p != '{')
        return p < end && *p == 'n' ? skip_literal(p, end) : NULL;
    p = skip_space(p + 1, end);
    if (p < end && *p == '}')
        return p + 1;
    for (;;) {
        p = skip_key(p, end);
        if (p == NULL)
            return NULL;
        p = skip_string(skip_space(p, end), end, &has_escapes);
        if (p == NULL)
            return NULL;
        p = skip_space(p, end);
        if (p >= end || (*p != ',' && *p != '}'))
            return NULL;
        if (*p++ == '}')
            return p;
    }
}

/* Read a number of exactly `digits` digits between two values. */
static bool
read_two(const char **at, const char *end, int digits, int low, int high, int *number)
{
    const char *p = *at;
    int value = 0;
    for (int i = 0; i < digits; i++, p++) {
        if (!is_digit(p, end))
            return false;
        value = value * 10 + (*p - '0');
    }
    *at = p;
    *number = value;
    return value >= low && value <= high;
}

static bool
skip_char(const char **at, const char *end, char expected)
{
    if (*at >= end || **at != expected)
        return false;
    (*at)++;
    return true;
}

/* Return the place behind a string of the form "2026-01-02T03:04:05.678Z", or with an offset such as +01:00. */
static const char *
skip_timestamp(const char *p, const char *end)
{
    static const int days_of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, ignored;
    if (!skip_char(&p, end, '"') || !read_two(&p, end, 4, 0, 9999, &year) || !skip_char(&p, end, '-')
        || !read_two(&p, end, 2, 1, 12, &month) || !skip_char(&p, end, '-') || !read_two(&p, end, 2, 1, 31, &day))
        return NULL;
    bool is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > days_of_month[month - 1] + (month == 2 && is_leap_year))
        return NULL;
    if (!skip_char(&p, end, 'T') || !read_two(&p, end, 2, 0, 23, &ignored) || !skip_char(&p, end, ':')
        || !read_two(&p, end, 2, 0, 59, &ignored) || !skip_char(&p, end, ':') || !read_two(&p, end, 2, 0, 59, &ignored))
        return NULL;
    if (p < end && *p == '.') {
        if (!is_digit(++p, end))
            return NULL;
        p = skip_digits(p, end);
    }
    if (p < end && (*p == '+' || *p == '-')) {
        p++;
        if (!read_two(&p, end, 2, 0, 23, &ignored) || !skip_char(&p, end, ':') || !read_two(&p, end, 2, 0, 59, &ignored))
            return NULL;
    }
    else if (!skip_char(&p, end, 'Z'))
        return NULL;
    return skip_char(&p, end, '"') ? p : NULL;
}

/* Read a version at `p`, not negative. */
static const char *
read_version(const char *p, const char *end, int64_t *version)
{
    const char *start = p;
    int64_t value = 0;
    while (is_digit(p, end) && p - start < MAX_VERSION_DIGITS)
        value = value * 10 + (*p++ - '0');
    if (p == start || (*start == '0' && p - start > 1))
        return NULL;
    *version = value;
    return p; /* the caller expects a comma or the end, so another digit, a fraction or an exponent is not of the common form */
}

static const char *
read_actor_id(const char *p, const char *end, Judged *judged)
{
    bool has_escapes;
    const char *stop = skip_string(p, end, &has_escapes);
    if (stop == NULL || has_escapes || stop - p == 2)
        return NULL;
    judged->actor_id = p + 1;
    judged->actor_id_size = stop - p - 2;
    return stop;
}

enum field { ID, EVENT_TYPE, ACTOR_ID, COMMAND_ID, VERSION, DATA, METADATA, STATE, TIMESTAMP, FIELDS };

static const struct {
    const char *name; /* With its quotes. */
    bool in_event, in_snapshot;
} fields[FIELDS] = {
    [ID] = {"\"id\"", true, false},
    [EVENT_TYPE] = {"\"eventType\"", true, false},
    [ACTOR_ID] = {"\"actorId\"", true, true},
    [COMMAND_ID] = {"\"commandId\"", true, false},
    [VERSION] = {"\"version\"", true, true},
    [DATA] = {"\"data\"", true, false},
    [METADATA] = {"\"metadata\"", true, false},
    [STATE] = {"\"state\"", false, true},
    [TIMESTAMP] = {"\"timestamp\"", true, true},
};

/* Return the field whose key is at `p`; FIELDS if there is none. Moves `p` behind the key. */
static enum field
read_field(const char **p, const char *end, bool is_snapshot)
{
    for (int field = 0; field < FIELDS; field++) {
        if (!(is_snapshot ? fields[field].in_snapshot : fields[field].in_event))
            continue;
        Py_ssize_t size = (Py_ssize_t)strlen(fields[field].name);
        if (end - *p >= size && memcmp(*p, fields[field].name, (size_t)size) == 0) {
            *p += size;
            return (enum field)field;
        }
    }
    return FIELDS;
}

static const char *
read_field_value(enum field field, const char *p, const char *end, Judged *judged)
{
    bool has_escapes;
    switch (field) {
    case ID:
    case EVENT_TYPE:
    case COMMAND_ID:
        return skip_string(p, end, &has_escapes);
    case ACTOR_ID:
        return read_actor_id(p, end, judged);
    case VERSION:
        return read_version(p, end, &judged->version);
    case DATA:
    case STATE:
        return skip_map(p, end);
    case METADATA:
        return skip_string_map(p, end);
    case TIMESTAMP:
        return skip_timestamp(p, end);
    default:
        return NULL;
    }
}

bool
judge(const char *body, const char *end, bool is_snapshot, Judged *judged)
{
    unsigned seen = 0;
    const unsigned needed = 1u << ACTOR_ID | 1u << VERSION;
    const char *p = skip_space(body, end);
    if (!skip_char(&p, end, '{'))
        return false;
    for (;;) {
        p = skip_space(p, end);
        enum field field = read_field(&p, end, is_snapshot);
        if (field == FIELDS || seen & 1u << field)
            return false;
        seen |= 1u << field;
        p = skip_space(p, end);
        if (!skip_char(&p, end, ':'))
            return false;
        p = read_field_value(field, skip_space(p, end), end, judged);
        if (p == NULL)
            return false;
        p = skip_space(p, end);
        if (p >= end || (*p != ',' && *p != '}'))
            return false;
        if (*p++ == '}')
            break;
    }
    return (seen & needed) == needed && skip_space(p, end) == end;
}

PyObject *
speedups_judge(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer body;
    int is_snapshot;
    Judged judged;
    if (!PyArg_ParseTuple(args, "y*p:judge", &body, &is_snapshot))
        return NULL;
    const char *start = body.buf;
    PyObject *result = Py_None;
    if (judge(start, start + body.len, is_snapshot, &judged))
        result = Py_BuildValue("y#L", judged.actor_id, judged.actor_id_size, (long long)judged.version);
    else
        Py_INCREF(result);
    PyBuffer_Release(&body);
    return result;
}
