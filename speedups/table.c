/* The table of actors: one row of 56 bytes for each, an index by actor key, and an arena of keys. */
#include "speedups.h"

#define MAX_ARENA_SIZE ((size_t)1 << 36)
#define MAX_ROWS ((Py_ssize_t)UINT32_MAX - 1)

/* The keyed hash of the interpreter, so that nobody who chooses actor ids can choose collisions. */
uint32_t
hash_of(const char *key, Py_ssize_t size)
{
    uint64_t hash = (uint64_t)PyHash_GetFuncDef()->hash(key, size);
    return (uint32_t)(hash ^ hash >> 32);
}

Py_ssize_t
find_row(const Table *table, const char *key, Py_ssize_t size, uint32_t hash)
{
    if (table->slot_count == 0)
        return -1;
    size_t mask = table->slot_count - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) { /* ends, because a third of the slots is empty */
        const Slot *slot = &table->slots[at];
        if (slot->row == 0)
            return -1;
        if (slot->hash == hash) {
            const Row *row = &table->rows[slot->row - 1];
            if (row->key_size == (uint64_t)size && memcmp(table->arena + row->key, key, (size_t)size) == 0)
                return (Py_ssize_t)slot->row - 1;
        }
    }
}

static void
put_slot(Slot *slots, size_t slot_count, Slot slot)
{
    size_t at = slot.hash & (slot_count - 1);
    while (slots[at].row != 0)
        at = (at + 1) & (slot_count - 1);
    slots[at] = slot;
}

static int
grow_slots(Table *table)
{
    size_t slot_count = table->slot_count ? table->slot_count * 2 : 64;
    Slot *slots = PyMem_Calloc(slot_count, sizeof(Slot));
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < table->slot_count; at++)
        if (table->slots[at].row != 0)
            put_slot(slots, slot_count, table->slots[at]);
    PyMem_Free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    return 0;
}

/* Append bytes to the arena. Returns their offset, or -1 with an exception. `bytes` may not be in the arena. */
static int64_t
add_to_arena(Table *table, const char *bytes, size_t size)
{
    if (size > MAX_ARENA_SIZE - table->arena_size) {
        PyErr_SetString(PyExc_OverflowError, "the keys of the actors take more than 64 GiB");
        return -1;
    }
    if (table->arena == NULL || table->arena_size + size > table->arena_room) {
        size_t room = table->arena_size + size + table->arena_size / 4 + 4096;
        char *arena = PyMem_Realloc(table->arena, room);
        if (arena == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        table->arena = arena;
        table->arena_room = room;
    }
    memcpy(table->arena + table->arena_size, bytes, size);
    table->arena_size += size;
    return (int64_t)(table->arena_size - size);
}

/* Return the number of the row with this key, or that of a new, empty one; -1 with an exception. */
Py_ssize_t
find_or_add_row(Table *table, const char *key, Py_ssize_t size, uint32_t hash)
{
    Py_ssize_t number = find_row(table, key, size, hash);
    if (number >= 0)
        return number;
    if (size > MAX_KEY_SIZE || table->count >= MAX_ROWS) {
        PyErr_SetString(PyExc_OverflowError, "the table of actors has no place for this actor key");
        return -1;
    }
    if (table->count == table->room) {
        Py_ssize_t room = table->room + table->room / 4 + 64;
        Row *rows = PyMem_Realloc(table->rows, (size_t)room * sizeof(Row));
        if (rows == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        table->rows = rows;
        table->room = room;
    }
    if (((size_t)table->count + 1) * 3 > table->slot_count * 2 && grow_slots(table) < 0)
        return -1;
    int64_t offset = add_to_arena(table, key, (size_t)size);
    if (offset < 0)
        return -1;
    number = table->count++;
    table->rows[number] = (Row){.key = (uint64_t)offset, .key_size = (uint64_t)size};
    put_slot(table->slots, table->slot_count, (Slot){hash, (uint32_t)number + 1});
    return number;
}

/* Find the part of a key behind its first dot; the whole key if it has none. */
static void
second_token(const char *key, Py_ssize_t key_size, const char **id, Py_ssize_t *size)
{
    const char *dot = memchr(key, '.', (size_t)key_size);
    *id = dot ? dot + 1 : key;
    *size = key_size - (*id - key);
}

void
get_id(const Table *table, const Row *row, const char **id, Py_ssize_t *size)
{
    const char *key = table->arena + row->key;
    if (row->flags & OWN_ID) {
        uint32_t stored;
        memcpy(&stored, key + row->key_size, sizeof stored);
        *id = key + row->key_size + sizeof stored;
        *size = stored;
    }
    else
        second_token(key, (Py_ssize_t)row->key_size, id, size);
}

/* Note the id of an actor and that the row has one. If the id is not in the key, the key is stored again with the id behind it. */
int
put_actor(Table *table, Py_ssize_t number, const char *id, Py_ssize_t id_size)
{
    Row *row = &table->rows[number];
    const char *known;
    Py_ssize_t known_size;
    bool is_known = false;
    if (row->flags & HAS_ACTOR) {
        get_id(table, row, &known, &known_size);
        is_known = known_size == id_size && memcmp(known, id, (size_t)id_size) == 0;
    }
    if (!is_known) {
        second_token(table->arena + row->key, (Py_ssize_t)row->key_size, &known, &known_size);
        if (known_size == id_size && memcmp(known, id, (size_t)id_size) == 0)
            row->flags &= ~(unsigned)OWN_ID & ALL_FLAGS;
        else {
            if (id_size > MAX_KEY_SIZE) {
                PyErr_SetString(PyExc_OverflowError, "the table of actors has no place for this actor id");
                return -1;
            }
            size_t size = row->key_size + sizeof(uint32_t) + (size_t)id_size;
            char *whole = PyMem_Malloc(size);
            if (whole == NULL) {
                PyErr_NoMemory();
                return -1;
            }
            uint32_t stored = (uint32_t)id_size;
            memcpy(whole, table->arena + row->key, row->key_size);
            memcpy(whole + row->key_size, &stored, sizeof stored);
            memcpy(whole + row->key_size + sizeof stored, id, (size_t)id_size);
            int64_t offset = add_to_arena(table, whole, size);
            PyMem_Free(whole);
            if (offset < 0)
                return -1;
            row->key = (uint64_t)offset;
            row->flags |= OWN_ID;
        }
    }
    set_flag(table, row, HAS_ACTOR, true);
    return 0;
}

/* Set or clear a flag, and count the rows with an actor and those with a snapshot. */
void
set_flag(Table *table, Row *row, unsigned flag, bool is_set)
{
    if (((row->flags & flag) != 0) == is_set)
        return;
    row->flags ^= flag;
    if (flag == HAS_ACTOR)
        table->actors += is_set ? 1 : -1;
    else if (flag == HAS_SNAPSHOT)
        table->snapshots += is_set ? 1 : -1;
}
