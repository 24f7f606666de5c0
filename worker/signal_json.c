#include "worker/signal_json.h"

#include <string.h>

#include "common/fixed.h"
#include "worker/json_scan.h"
#include "worker/signal_time.h"

static const char *const code_names[SIGNAL_CODE_END] = {
        [SIGNAL_CODE_OK] = "",
        [SIGNAL_TOO_LARGE] = "too_large",
        [SIGNAL_BAD_JSON] = "bad_json",
        [SIGNAL_NOT_OBJECT] = "not_object",
        [SIGNAL_MISSING_FIELD] = "missing_field",
        [SIGNAL_BAD_TYPE] = "bad_type",
        [SIGNAL_BAD_INSTRUMENT] = "bad_instrument",
        [SIGNAL_BAD_POSITION] = "bad_position",
        [SIGNAL_BAD_TIMESTAMP] = "bad_timestamp",
        [SIGNAL_BAD_NUMBER] = "bad_number",
        [SIGNAL_OUT_OF_RANGE] = "out_of_range",
        [SIGNAL_BAD_PRICE] = "bad_price",
        [SIGNAL_BAD_STOP] = "bad_stop",
        [SIGNAL_BAD_ATR] = "bad_atr",
        [SIGNAL_BAD_SUPERTREND] = "bad_supertrend",
        [SIGNAL_BAD_ER] = "bad_er",
        [SIGNAL_BAD_LOTS] = "bad_lots",
        [SIGNAL_MISSING_REASON] = "missing_reason",
};

/* The members that mean something. Their order is the order in which a missing one is looked for. */
enum key {
        KEY_TYPE = 0,
        KEY_INSTRUMENT,
        KEY_POSITION,
        KEY_PRICE,
        KEY_STOP,
        KEY_LOTS,
        KEY_ATR,
        KEY_ER,
        KEY_SUPERTREND,
        KEY_TIMESTAMP,
        KEY_REASON,
        KEY_ROC,
        KEY_ID,
        KEY_SECRET,
        KEY_END
};

static const char *const key_names[KEY_END] = {
        [KEY_TYPE] = "type",
        [KEY_INSTRUMENT] = "instrument",
        [KEY_POSITION] = "position",
        [KEY_PRICE] = "price",
        [KEY_STOP] = "stop",
        [KEY_LOTS] = "lots",
        [KEY_ATR] = "atr",
        [KEY_ER] = "er",
        [KEY_SUPERTREND] = "supertrend",
        [KEY_TIMESTAMP] = "timestamp",
        [KEY_REASON] = "reason",
        [KEY_ROC] = "roc",
        [KEY_ID] = "id",
        [KEY_SECRET] = "secret",
};
#define KEY_NAME_SIZE_MAX 10

#define BIT(key) (1U << (key))
#define REQUIRED_OF_TRADES                                                                                                                 \
        (BIT(KEY_INSTRUMENT) | BIT(KEY_POSITION) | BIT(KEY_PRICE) | BIT(KEY_STOP) | BIT(KEY_LOTS) | BIT(KEY_ATR) | BIT(KEY_ER) |           \
         BIT(KEY_SUPERTREND) | BIT(KEY_TIMESTAMP))

/* What each type must carry. An exit's reason is asked for last (missing_reason), not here. */
static const unsigned required_keys[SIGNAL_TYPE_END] = {
        [SIGNAL_BASE_ENTRY] = REQUIRED_OF_TRADES,
        [SIGNAL_PYRAMID] = REQUIRED_OF_TRADES,
        [SIGNAL_EXIT] = REQUIRED_OF_TRADES,
        [SIGNAL_MARKET_DATA] = BIT(KEY_INSTRUMENT) | BIT(KEY_TIMESTAMP) | BIT(KEY_PRICE) | BIT(KEY_ATR) | BIT(KEY_SUPERTREND),
        [SIGNAL_EOD_MONITOR] = 0,
        [SIGNAL_PROBE] = BIT(KEY_ID),
};

/* One body on its way: the values that were found, and the payload that grows beside them. */
struct parse {
        struct signal_json *out;
        struct json_value values[KEY_END]; /* kind JSON_NONE: not there */
        size_t payload_size;
        int64_t numbers_e6[KEY_END];
};

static void on_member(void *owner, const struct json_member *member);
static enum signal_code refuse(struct parse *parse, enum signal_code code, enum key key);
static enum signal_code read_signal(struct parse *parse, const struct signal_instruments *instruments);

const char *
signal_code_name(int code)
{
        return code >= 0 && code < SIGNAL_CODE_END ? code_names[code] : NULL;
}

enum signal_code
signal_from_json(struct signal_json *out, const char *body, size_t size, const struct signal_instruments *instruments)
{
        struct parse parse = {.out = out};
        enum json_kind kind;
        out->signal = (struct signal){.type = SIGNAL_NONE};
        out->field = "";
        out->has_secret = false;
        out->secret = (struct text){NULL, 0};
        if (size > PM_BODY_SIZE_MAX)
                return SIGNAL_TOO_LARGE;
        if (json_scan(body, size, &kind, on_member, &parse) != JSON_SCAN_OK)
                return SIGNAL_BAD_JSON;
        if (kind != JSON_OBJECT)
                return SIGNAL_NOT_OBJECT;
        if (parse.payload_size == 0)
                out->payload_bytes[parse.payload_size++] = '{';
        out->payload_bytes[parse.payload_size++] = '}';
        out->signal.payload = (struct text){out->payload_bytes, (uint32_t)parse.payload_size};
        return read_signal(&parse, instruments);
}

static enum key
key_of(struct json_value key)
{
        char name[KEY_NAME_SIZE_MAX];
        size_t size;
        if (!json_string_decode(key, name, sizeof(name), &size))
                return KEY_END;
        for (int i = 0; i < KEY_END; i++)
                if (strlen(key_names[i]) == size && memcmp(key_names[i], name, size) == 0)
                        return (enum key)i;
        return KEY_END;
}

static void
keep_secret(struct signal_json *out, struct json_value value)
{
        size_t size = 0;
        out->has_secret = true;
        out->secret = (struct text){NULL, 0};
        if (value.kind == JSON_STRING && json_string_decode(value, out->secret_bytes, sizeof(out->secret_bytes), &size))
                out->secret = (struct text){out->secret_bytes, (uint32_t)size};
}

/* Every member but the secret goes into the payload as it was written. It fits: what is added between members and around
 * them stood in the body too. */
static void
on_member(void *owner, const struct json_member *member)
{
        struct parse *parse = owner;
        struct signal_json *out = parse->out;
        enum key key = key_of(member->key);
        if (key == KEY_SECRET) {
                keep_secret(out, member->value);
                return;
        }
        if (key != KEY_END)
                parse->values[key] = member->value;
        PM_ASSERT(parse->payload_size + 1 + member->size < sizeof(out->payload_bytes));
        out->payload_bytes[parse->payload_size] = parse->payload_size == 0 ? '{' : ',';
        json_copy_mended(member->start, member->size, out->payload_bytes + parse->payload_size + 1);
        parse->payload_size += 1 + member->size;
}

static enum signal_code
refuse(struct parse *parse, enum signal_code code, enum key key)
{
        parse->out->field = key_names[key];
        return code;
}

/* A short string member, decoded; false when it is no string or longer than capacity. */
static bool
short_string(const struct parse *parse, enum key key, char *out, size_t capacity, size_t *size)
{
        return parse->values[key].kind == JSON_STRING && json_string_decode(parse->values[key], out, capacity, size);
}

static char
upper(char c)
{
        return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static enum signal_type
type_of(const struct parse *parse)
{
        char text[16];
        size_t size;
        if (!short_string(parse, KEY_TYPE, text, sizeof(text), &size))
                return SIGNAL_NONE;
        for (size_t i = 0; i < size; i++)
                text[i] = upper(text[i]);
        for (int type = SIGNAL_NONE + 1; type < SIGNAL_TYPE_END; type++) {
                const char *name = event_signal_type_name(type);
                if (strlen(name) == size && memcmp(name, text, size) == 0)
                        return (enum signal_type)type;
        }
        return SIGNAL_NONE;
}

static bool
read_instrument(struct parse *parse, const struct signal_instruments *instruments)
{
        char *name = parse->out->signal.instrument;
        size_t size;
        if (!short_string(parse, KEY_INSTRUMENT, name, PM_INSTRUMENT_NAME_SIZE - 1, &size) || size == 0 || memchr(name, '\0', size) != NULL)
                return false;
        for (size_t i = 0; i < size; i++)
                name[i] = upper(name[i]);
        memset(name + size, 0, PM_INSTRUMENT_NAME_SIZE - size);
        return instruments->is_known(instruments->owner, name);
}

static bool
read_position(struct parse *parse)
{
        char text[8];
        size_t size;
        if (!short_string(parse, KEY_POSITION, text, sizeof(text), &size))
                return false;
        for (uint8_t layer = 0; layer <= PM_LAYERS_MAX; layer++) {
                const char *name = event_layer_name(layer);
                if (strlen(name) == size && memcmp(name, text, size) == 0) {
                        parse->out->signal.layer = layer;
                        return true;
                }
        }
        return false;
}

static bool
read_timestamp(struct parse *parse)
{
        char text[40];
        size_t size;
        return short_string(parse, KEY_TIMESTAMP, text, sizeof(text), &size) &&
               signal_time_parse(text, size, &parse->out->signal.signal_at_us);
}

/* A JSON number, or a string that is wholly one. The text may be as long as the body; decoding into a buffer is needed
 * only for strings with escapes, and an escaped digit is nothing that anyone sends: such a string is no number. */
static enum signal_code
read_number(struct parse *parse, enum key key)
{
        struct json_value value = parse->values[key];
        bool is_exit = parse->out->signal.type == SIGNAL_EXIT;
        /* Exits never fail on the size of what they do not use. */
        bool is_bounded = !(is_exit && (key == KEY_ER || key == KEY_LOTS || key == KEY_ROC || key == KEY_STOP));
        enum fixed_status status = FIXED_SYNTAX;
        int64_t number = 0;
        if (value.kind == JSON_NUMBER)
                status = fixed_parse(value.start, value.size, &number);
        else if (value.kind == JSON_STRING)
                status = fixed_parse(value.start + 1, value.size - 2, &number);
        if (status == FIXED_SYNTAX)
                return refuse(parse, SIGNAL_BAD_NUMBER, key);
        if (is_bounded && (status == FIXED_RANGE || number > FIXED_PRICE_MAX_E6 || number < -FIXED_PRICE_MAX_E6))
                return refuse(parse, SIGNAL_OUT_OF_RANGE, key);
        if (status == FIXED_RANGE)
                number = FIXED_PRICE_MAX_E6;
        parse->numbers_e6[key] = fixed_clamp(number, -FIXED_PRICE_MAX_E6, FIXED_PRICE_MAX_E6);
        return SIGNAL_CODE_OK;
}

static enum signal_code
read_numbers(struct parse *parse)
{
        static const enum key order[] = {KEY_PRICE, KEY_STOP, KEY_ATR, KEY_ER, KEY_SUPERTREND, KEY_LOTS, KEY_ROC};
        struct signal *signal = &parse->out->signal;
        unsigned wanted = required_keys[signal->type];
        signal->has_roc =
                signal->type != SIGNAL_MARKET_DATA && parse->values[KEY_ROC].kind != JSON_NONE && parse->values[KEY_ROC].kind != JSON_NULL;
        if (signal->has_roc)
                wanted |= BIT(KEY_ROC);
        for (size_t i = 0; i < countof(order); i++) {
                if ((wanted & BIT(order[i])) == 0)
                        continue;
                enum signal_code code = read_number(parse, order[i]);
                if (code != SIGNAL_CODE_OK)
                        return code;
        }
        signal->price_e6 = parse->numbers_e6[KEY_PRICE];
        signal->stop_e6 = parse->numbers_e6[KEY_STOP];
        signal->atr_e6 = parse->numbers_e6[KEY_ATR];
        signal->er_e6 = parse->numbers_e6[KEY_ER];
        signal->supertrend_e6 = parse->numbers_e6[KEY_SUPERTREND];
        signal->roc_e6 = parse->numbers_e6[KEY_ROC];
        return SIGNAL_CODE_OK;
}

/* Control characters (C0, DEL, C1) become spaces: the reason goes into logs and tables. Cut after PM_REASON_CHARS_MAX
 * characters. */
static enum signal_code
read_reason(struct parse *parse)
{
        struct signal_json *out = parse->out;
        struct json_value value = parse->values[KEY_REASON];
        size_t size, chars = 0, at = 0;
        if (value.kind != JSON_STRING || value.size == 2)
                return refuse(parse, SIGNAL_MISSING_REASON, KEY_REASON);
        (void)json_string_decode(value, out->reason_bytes, sizeof(out->reason_bytes), &size);
        while (at < size && chars < PM_REASON_CHARS_MAX) {
                unsigned char c = (unsigned char)out->reason_bytes[at];
                size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
                if (c < 0x20 || c == 0x7f)
                        out->reason_bytes[at] = ' ';
                if (c == 0xc2 && (unsigned char)out->reason_bytes[at + 1] < 0xa0) {
                        /* A C1 control has two bytes; a no-break space takes its place without moving what follows. */
                        out->reason_bytes[at + 1] = (char)0xa0;
                }
                at += length;
                chars++;
        }
        out->signal.reason = (struct text){out->reason_bytes, (uint32_t)at};
        return SIGNAL_CODE_OK;
}

static enum signal_code
read_probe(struct parse *parse)
{
        struct signal_json *out = parse->out;
        size_t size;
        if (parse->values[KEY_ID].kind != JSON_STRING)
                return refuse(parse, SIGNAL_BAD_TYPE, KEY_ID);
        if (!json_string_decode(parse->values[KEY_ID], out->probe_id_bytes, sizeof(out->probe_id_bytes), &size) || size == 0)
                return refuse(parse, SIGNAL_OUT_OF_RANGE, KEY_ID);
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)out->probe_id_bytes[i] < 0x20)
                        return refuse(parse, SIGNAL_OUT_OF_RANGE, KEY_ID);
        out->signal.probe_id = (struct text){out->probe_id_bytes, (uint32_t)size};
        return SIGNAL_CODE_OK;
}

static enum signal_code
check_values(struct parse *parse)
{
        struct signal *signal = &parse->out->signal;
        bool is_tick = signal->type == SIGNAL_MARKET_DATA;
        bool is_exit = signal->type == SIGNAL_EXIT;
        bool is_entry = !is_tick && !is_exit;
        int64_t lots_e6 = parse->numbers_e6[KEY_LOTS];
        if (is_entry && (lots_e6 < 0 || lots_e6 > FIXED_LOTS_MAX * FIXED_ONE_E6 || lots_e6 % FIXED_ONE_E6 != 0))
                return refuse(parse, SIGNAL_BAD_LOTS, KEY_LOTS);
        signal->lots_suggested = is_entry ? lots_e6 / FIXED_ONE_E6 : 0;
        if (signal->price_e6 <= 0)
                return refuse(parse, SIGNAL_BAD_PRICE, KEY_PRICE);
        if (is_entry && signal->stop_e6 <= 0)
                return refuse(parse, SIGNAL_BAD_STOP, KEY_STOP);
        if (signal->atr_e6 < 0 || (is_tick && signal->atr_e6 == 0))
                return refuse(parse, SIGNAL_BAD_ATR, KEY_ATR);
        if (is_tick && signal->supertrend_e6 <= 0)
                return refuse(parse, SIGNAL_BAD_SUPERTREND, KEY_SUPERTREND);
        if (is_entry && (signal->er_e6 < 0 || signal->er_e6 > FIXED_ONE_E6))
                return refuse(parse, SIGNAL_BAD_ER, KEY_ER);
        return is_exit ? read_reason(parse) : SIGNAL_CODE_OK;
}

/* The groups of checks, in the order of rules 3. */
static enum signal_code
read_signal(struct parse *parse, const struct signal_instruments *instruments)
{
        struct signal *signal = &parse->out->signal;
        if (parse->values[KEY_TYPE].kind == JSON_NONE)
                return refuse(parse, SIGNAL_MISSING_FIELD, KEY_TYPE);
        signal->type = type_of(parse);
        if (signal->type == SIGNAL_NONE)
                return refuse(parse, SIGNAL_BAD_TYPE, KEY_TYPE);
        for (int key = 0; key < KEY_END; key++)
                if ((required_keys[signal->type] & BIT(key)) != 0 && parse->values[key].kind == JSON_NONE)
                        return refuse(parse, SIGNAL_MISSING_FIELD, (enum key)key);
        if (signal->type == SIGNAL_EOD_MONITOR)
                return SIGNAL_CODE_OK;
        if (signal->type == SIGNAL_PROBE)
                return read_probe(parse);
        if (!read_instrument(parse, instruments))
                return refuse(parse, SIGNAL_BAD_INSTRUMENT, KEY_INSTRUMENT);
        if (signal->type != SIGNAL_MARKET_DATA && !read_position(parse))
                return refuse(parse, SIGNAL_BAD_POSITION, KEY_POSITION);
        if (!read_timestamp(parse))
                return refuse(parse, SIGNAL_BAD_TIMESTAMP, KEY_TIMESTAMP);
        enum signal_code code = read_numbers(parse);
        return code != SIGNAL_CODE_OK ? code : check_values(parse);
}
