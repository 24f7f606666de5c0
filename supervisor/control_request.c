#include "supervisor/control_request.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fixed.h"

/* Which keys a verb has beside "verb" and "timeout_ms". */
enum key_bit { KEY_ROLE = 1, KEY_ON = 2, KEY_AMOUNT = 4, KEY_NOTE = 8, KEY_REQUEST_ID = 16, KEY_SIGNAL = 32 };

struct verb_row {
        const char *name;
        unsigned keys;
        unsigned keys_needed;
};
static const struct verb_row verbs[CONTROL_VERB_END] = {
        [CONTROL_STATUS] = {"status", 0, 0},
        [CONTROL_STOP] = {"stop", 0, 0},
        [CONTROL_RESTART] = {"restart", KEY_ROLE, 0},
        [CONTROL_RELOAD] = {"reload", 0, 0},
        [CONTROL_WAIT_READY] = {"wait_ready", 0, 0},
        [CONTROL_MAINTENANCE] = {"maintenance", KEY_ON, KEY_ON},
        [CONTROL_PAUSE] = {"pause", KEY_NOTE | KEY_REQUEST_ID, KEY_REQUEST_ID},
        [CONTROL_RESUME] = {"resume", KEY_NOTE | KEY_REQUEST_ID, KEY_REQUEST_ID},
        [CONTROL_DEPOSIT] = {"deposit", KEY_AMOUNT | KEY_NOTE | KEY_REQUEST_ID, KEY_AMOUNT | KEY_REQUEST_ID},
        [CONTROL_WITHDRAW] = {"withdraw", KEY_AMOUNT | KEY_NOTE | KEY_REQUEST_ID, KEY_AMOUNT | KEY_REQUEST_ID},
        [CONTROL_KILL] = {"kill", KEY_ROLE | KEY_SIGNAL, KEY_SIGNAL},
};

struct key_row {
        const char *name;
        unsigned bit; /* 0: belongs to every verb */
        bool (*read)(struct json_object *value, struct control_request *request);
        const char *wanted;
};

static bool read_role(struct json_object *value, struct control_request *request);
static bool read_on(struct json_object *value, struct control_request *request);
static bool read_amount(struct json_object *value, struct control_request *request);
static bool read_note(struct json_object *value, struct control_request *request);
static bool read_request_id(struct json_object *value, struct control_request *request);
static bool read_signal(struct json_object *value, struct control_request *request);
static bool read_timeout(struct json_object *value, struct control_request *request);

static const struct key_row keys[] = {
        {"role", KEY_ROLE, read_role, "\"worker\" or \"persister\""},
        {"on", KEY_ON, read_on, "true or false"},
        {"amount", KEY_AMOUNT, read_amount, "a number above 0 and at most 100000000000"},
        {"note", KEY_NOTE, read_note, "text of at most 800 bytes"},
        {"request_id", KEY_REQUEST_ID, read_request_id, "an integer above 0"},
        {"signal", KEY_SIGNAL, read_signal, "a signal's number, from 1 to 64"},
        {"timeout_ms", 0, read_timeout, "an integer from 1 to 86400000"},
};

const char *
control_verb_name(int verb)
{
        return verb > CONTROL_NONE && verb < CONTROL_VERB_END ? verbs[verb].name : NULL;
}

static enum control_verb
verb_of(struct json_object *object)
{
        struct json_object *value;
        if (!json_object_object_get_ex(object, "verb", &value) || !json_object_is_type(value, json_type_string))
                return CONTROL_NONE;
        for (int i = CONTROL_NONE + 1; i < CONTROL_VERB_END; i++) {
                if (strcmp(verbs[i].name, json_object_get_string(value)) == 0)
                        return (enum control_verb)i;
        }
        return CONTROL_NONE;
}

static const struct key_row *
key_of(const char *name)
{
        for (size_t i = 0; i < countof(keys); i++) {
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        }
        return NULL;
}

static enum control_request_status
read_object(struct json_object *object, struct control_request *request, char error[CONTROL_REQUEST_ERROR_SIZE])
{
        unsigned found = 0;
        request->verb = verb_of(object);
        if (request->verb == CONTROL_NONE) {
                snprintf(error, CONTROL_REQUEST_ERROR_SIZE, "no such verb");
                return CONTROL_REQUEST_BAD;
        }
        const struct verb_row *verb = &verbs[request->verb];
        json_object_object_foreach(object, name, value)
        {
                if (strcmp(name, "verb") == 0)
                        continue;
                const struct key_row *key = key_of(name);
                if (key == NULL || (key->bit & verb->keys) != key->bit) {
                        snprintf(error, CONTROL_REQUEST_ERROR_SIZE, "%s takes no key %.64s", verb->name, name);
                        return CONTROL_REQUEST_BAD;
                }
                if (!key->read(value, request)) {
                        snprintf(error, CONTROL_REQUEST_ERROR_SIZE, "%s must be %s", key->name, key->wanted);
                        return CONTROL_REQUEST_BAD;
                }
                found |= key->bit;
        }
        for (size_t i = 0; i < countof(keys); i++) {
                if ((keys[i].bit & verb->keys_needed & ~found) != 0) {
                        snprintf(error, CONTROL_REQUEST_ERROR_SIZE, "%s needs the key %s", verb->name, keys[i].name);
                        return CONTROL_REQUEST_BAD;
                }
        }
        return CONTROL_REQUEST_OK;
}

enum control_request_status
control_request_parse(const char *line, size_t size, struct control_request *request, char error[CONTROL_REQUEST_ERROR_SIZE])
{
        enum control_request_status status = CONTROL_REQUEST_BAD;
        struct json_object *object = NULL;
        struct json_tokener *tokener = json_tokener_new_ex(4);
        memset(request, 0, sizeof(*request));
        request->timeout_ms = 30000;
        snprintf(error, CONTROL_REQUEST_ERROR_SIZE, "not a JSON object on one line");
        if (tokener == NULL || size > PM_CONTROL_LINE_MAX)
                goto out;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        object = json_tokener_parse_ex(tokener, line, (int)size);
        /* A number or a word at the very end needs one more byte to be known as finished; an object does not. */
        if (json_tokener_get_error(tokener) != json_tokener_success || json_tokener_get_parse_end(tokener) != size ||
            !json_object_is_type(object, json_type_object))
                goto out;
        status = read_object(object, request, error);
        if (status == CONTROL_REQUEST_OK)
                error[0] = '\0';
out:
        json_object_put(object);
        if (tokener != NULL)
                json_tokener_free(tokener);
        return status;
}

static void
add(struct json_object *object, const char *key, struct json_object *value)
{
        PM_ASSERT(value != NULL && json_object_object_add(object, key, value) == 0);
}

char *
control_request_format(const struct control_request *request)
{
        PM_ASSERT(control_verb_name((int)request->verb) != NULL);
        const struct verb_row *verb = &verbs[request->verb];
        struct json_object *object = json_object_new_object();
        char amount[FIXED_TEXT_SIZE];
        if (object == NULL)
                return NULL;
        add(object, "verb", json_object_new_string(verb->name));
        if ((verb->keys & KEY_ROLE) != 0 && request->role != ROLE_NONE)
                add(object, "role", json_object_new_string(msg_role_name((int)request->role)));
        if ((verb->keys & KEY_ON) != 0)
                add(object, "on", json_object_new_boolean(request->on));
        if ((verb->keys & KEY_AMOUNT) != 0) {
                fixed_format_short(request->amount_e6, amount);
                add(object, "amount", json_object_new_double_s(0, amount)); /* the text counts, not the double */
        }
        if ((verb->keys & KEY_NOTE) != 0 && request->note[0] != '\0')
                add(object, "note", json_object_new_string(request->note));
        if ((verb->keys & KEY_REQUEST_ID) != 0)
                add(object, "request_id", json_object_new_uint64(request->request_id));
        if ((verb->keys & KEY_SIGNAL) != 0)
                add(object, "signal", json_object_new_int(request->signal_number));
        add(object, "timeout_ms", json_object_new_int64(request->timeout_ms));
        char *line = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        json_object_put(object);
        return line;
}

static bool
read_role(struct json_object *value, struct control_request *request)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        const char *name = json_object_get_string(value);
        if (strcmp(name, msg_role_name(ROLE_WORKER)) == 0)
                request->role = ROLE_WORKER;
        else if (strcmp(name, msg_role_name(ROLE_PERSISTER)) == 0)
                request->role = ROLE_PERSISTER;
        return request->role != ROLE_NONE;
}

static bool
read_on(struct json_object *value, struct control_request *request)
{
        request->on = json_object_get_boolean(value);
        return json_object_is_type(value, json_type_boolean);
}

static bool
read_amount(struct json_object *value, struct control_request *request)
{
        if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
                return false;
        const char *text = json_object_to_json_string(value);
        return fixed_parse(text, strlen(text), &request->amount_e6) == FIXED_OK && request->amount_e6 > 0 &&
               request->amount_e6 <= FIXED_MONEY_MAX_E6;
}

static bool
read_note(struct json_object *value, struct control_request *request)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        size_t size = (size_t)json_object_get_string_len(value);
        if (size >= sizeof(request->note) || strlen(json_object_get_string(value)) != size)
                return false;
        memcpy(request->note, json_object_get_string(value), size + 1);
        return true;
}

static bool
read_request_id(struct json_object *value, struct control_request *request)
{
        if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) <= 0)
                return false;
        request->request_id = json_object_get_uint64(value);
        return true;
}

static bool
read_signal(struct json_object *value, struct control_request *request)
{
        int64_t number = json_object_get_int64(value);
        if (!json_object_is_type(value, json_type_int) || number < 1 || number > 64)
                return false;
        request->signal_number = (int)number;
        return true;
}

static bool
read_timeout(struct json_object *value, struct control_request *request)
{
        request->timeout_ms = json_object_get_int64(value);
        return json_object_is_type(value, json_type_int) && request->timeout_ms >= 1 && request->timeout_ms <= CONTROL_TIMEOUT_MAX_MS;
}
