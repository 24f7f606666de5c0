/* config*.c: one table for the file, --set, the checks and the effective config that children read. */
#include "common/config.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

static char folder[] = "/tmp/pm-test-config-XXXXXX";
static char file[64];
static char error[CONFIG_ERROR_SIZE];
static struct config config;

static void
setup(void)
{
        strcpy(folder + strlen(folder) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(file, sizeof file, "%s/pm.conf", folder);
        config_init(&config);
}

static void
teardown(void)
{
        config_fini(&config);
        unlink(file);
        rmdir(folder);
}

static void
write_file(const char *path, const char *text, size_t size, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
        ck_assert_int_eq(fchmod(fd, mode), 0);
        close(fd);
}

static enum config_status
load(const char *text)
{
        write_file(file, text, strlen(text), 0644);
        return config_load(&config, file, error);
}

/* The file is refused, and the sentence has all of these. */
static void
refuses(const char *text, const char *place, const char *words)
{
        char wanted[256];
        ck_assert_int_eq(load(text), CONFIG_INVALID);
        snprintf(wanted, sizeof wanted, "%s:%s", file, place);
        ck_assert_msg(strncmp(error, wanted, strlen(wanted)) == 0, "%s does not begin with %s", error, wanted);
        ck_assert_msg(strstr(error, words) != NULL, "\"%s\" is not in: %s", words, error);
        config_fini(&config);
        config_init(&config);
}

static const struct instrument *
find(const char *name)
{
        for (uint32_t i = 0; i < config.instruments_count; i++)
                if (strcmp(config.instruments[i].name, name) == 0)
                        return &config.instruments[i];
        return NULL;
}

static int differences;

static void
count_difference(void *owner, const char *name, const char *from, const char *to, bool reloadable)
{
        (void)reloadable;
        if (owner != NULL)
                snprintf(owner, 256, "%s: %s to %s", name, from, to);
        differences++;
}

static int
differences_of(const struct config *a, const struct config *b, char *last)
{
        differences = 0;
        config_diff(a, b, count_difference, last);
        return differences;
}

START_TEST(config_defaults_pass_their_own_checks)
{
        ck_assert_int_eq(config_check(&config, error), CONFIG_OK);
        ck_assert_str_eq(error, "");
        ck_assert_str_eq(config.listen, "127.0.0.1:5000");
        ck_assert_str_eq(config.run_dir, "/run/pm-supervisor");
        ck_assert_int_eq(config.log_level, LOG_INFO);
        ck_assert_int_eq(config.initial_capital_e6, 5000000000000);
        ck_assert_int_eq(config.dedupe_max, PM_DEDUPE_MAX);
        ck_assert_uint_eq(config.instruments_count, 4);
        ck_assert_mem_eq(config.instruments, instrument_defaults, 4 * sizeof(struct instrument));
}
END_TEST

START_TEST(config_file_sets_every_kind_of_value)
{
        ck_assert_int_eq(load("\xef\xbb\xbf# first\n"
                              "[instance]\n"
                              "name = alpha ; a remark\n"
                              "    log_level = WARNING\n" /* an indented line is a line */
                              "run_dir = ./run\n"
                              "state_dir=/var/x\r\n"
                              "[http]\n"
                              "allow = 10.0.0.0/8, fd00::/8 52.89.214.238\n"
                              "allow_unauthenticated = On\n"
                              "secret_file = secret\n"
                              "[database]\n"
                              "mode = External\n"
                              "[portfolio]\n"
                              "initial_capital = 1234567.000001\n"
                              "max_future_s = 0\n"),
                         CONFIG_OK);
        char wanted[128];
        ck_assert_int_eq(config_check(&config, error), CONFIG_OK);
        ck_assert_str_eq(config.name, "alpha");
        ck_assert_int_eq(config.log_level, LOG_WARNING);
        snprintf(wanted, sizeof wanted, "%s/run", folder);
        ck_assert_str_eq(config.run_dir, wanted);
        ck_assert_str_eq(config.state_dir, "/var/x");
        snprintf(wanted, sizeof wanted, "%s/secret", folder);
        ck_assert_str_eq(config.secret_file, wanted);
        ck_assert_str_eq(config.allow, "10.0.0.0/8, fd00::/8 52.89.214.238");
        ck_assert(config.allow_unauthenticated);
        ck_assert_int_eq(config.database_mode, DATABASE_EXTERNAL);
        ck_assert_int_eq(config.initial_capital_e6, 1234567000001);
        ck_assert_int_eq(config.max_future_s, 0);
        ck_assert_str_eq(config.path, file);
}
END_TEST

START_TEST(config_relative_file_becomes_absolute)
{
        char before[4096];
        ck_assert_ptr_nonnull(getcwd(before, sizeof before));
        write_file(file, "[instance]\nrun_dir = r\n", 23, 0644);
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(config_load(&config, "./pm.conf", error), CONFIG_OK);
        ck_assert_int_eq(chdir(before), 0);
        char wanted[128];
        ck_assert_str_eq(config.path, file);
        snprintf(wanted, sizeof wanted, "%s/r", folder);
        ck_assert_str_eq(config.run_dir, wanted);
}
END_TEST

START_TEST(config_file_refusals_name_line_key_and_what_to_do)
{
        refuses("[http]\nlisten_on = 1\n", "2: http.listen_on", "[http] has listen, secret_file, allow");
        refuses("[web]\nlisten = 1\n", "2: web.listen", "instance, http, database, portfolio, supervision and instrument NAME");
        refuses("name = x\n", "1: .name", "no such section");
        refuses("[http]\n\n# c\nconnections_max = many\n", "4: http.connections_max", "from 1 to 16384, not \"many\"");
        refuses("[http]\nconnections_max = 0\n", "2: http.connections_max", "from 1");
        refuses("[http]\nconnections_max = 99999999999999999999\n", "2: http.connections_max", "from 1");
        refuses("[http]\nconnections_max = 0x10\n", "2: http.connections_max", "not \"0x10\"");
        refuses("[http]\nconnections_max =\n", "2: http.connections_max", "not \"\"");
        refuses("[http]\nallow_unauthenticated = maybe\n", "2: http.allow_unauthenticated", "yes or no, not \"maybe\"");
        refuses("[instance]\nlog_level = loud\n", "2: instance.log_level", "debug, info, warning, error, not \"loud\"");
        refuses("[instance]\nrun_dir =\n", "2: instance.run_dir", "must not be empty");
        refuses("[database]\nmode = sqlite\n", "2: database.mode", "embedded, external");
        refuses("[portfolio]\ninitial_capital = 1,000\n", "2: portfolio.initial_capital", "from 1 to 100000000000, not \"1,000\"");
        refuses("[portfolio]\ninitial_capital = 1e400\n", "2: portfolio.initial_capital", "decimal number");
        refuses("[http]\nlisten = 127.0.0.1:1\nallow =\nlisten = 127.0.0.1:2\n", "4: http.listen", "given twice; line 2 has it");
        refuses("[http]\nlisten\n", "2: ", "\"key = value\"");
        refuses("[http\n", "1: ", "\"[section]\"");
        refuses("[http]\nlisten\nnonsense = 1\n", "2: ", "\"key = value\""); /* the first bad line is named */
        refuses("[http]\nnonsense = 1\nlisten\n", "2: http.nonsense", "no such key");
}
END_TEST

START_TEST(config_file_with_long_or_binary_lines_is_refused_by_line)
{
        static char text[8192];
        size_t size = (size_t)snprintf(text, sizeof text, "[http]\n#");
        memset(text + size, 'c', 3000); /* a comment may be long */
        snprintf(text + size + 3000, sizeof text - size - 3000, "\nallow = 10.0.0.0/8\n");
        ck_assert_int_eq(load(text), CONFIG_OK);
        config_fini(&config);
        config_init(&config);

        size = (size_t)snprintf(text, sizeof text, "[http]\nallow = ");
        for (size_t i = 0; i < 3000; i += 8)
                memcpy(text + size + i, "1.2.3.4,", 8);
        text[size + 3000] = '\0';
        refuses(text, "2: ", "longer than");
        text[size + 1504] = '\0'; /* fits in a line and not in the value */
        refuses(text, "2: http.allow", "1504 bytes long; at most 1023");
        text[size + 1023] = '\0';
        ck_assert_int_eq(load(text), CONFIG_OK);

        write_file(file, "[http]\n\nallow = a\0b\n", 20, 0644);
        ck_assert_int_eq(config_load(&config, file, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, ":3: the line holds a NUL byte"));
}
END_TEST

START_TEST(config_file_that_cannot_be_read_is_told_apart)
{
        ck_assert_int_eq(config_load(&config, "/nonexistent/pm.conf", error), CONFIG_UNREADABLE);
        ck_assert_str_eq(error, "/nonexistent/pm.conf: No such file or directory");
        ck_assert_int_eq(config_load(&config, folder, error), CONFIG_UNREADABLE);
        ck_assert_ptr_nonnull(strstr(error, "Is a directory"));
}
END_TEST

START_TEST(config_set_overrides_one_key)
{
        char wanted[4200];
        char cwd[4096];
        ck_assert_int_eq(config_set(&config, "http.listen=[::1]:80", error), CONFIG_OK);
        ck_assert_str_eq(config.listen, "[::1]:80");
        ck_assert_int_eq(config_set(&config, " instance.run_dir = some/where ", error), CONFIG_OK);
        snprintf(wanted, sizeof wanted, "%s/some/where", getcwd(cwd, sizeof cwd));
        ck_assert_str_eq(config.run_dir, wanted);
        ck_assert_int_eq(config_set(&config, "http.secret_file=/a=b", error), CONFIG_OK); /* only the first = counts */
        ck_assert_str_eq(config.secret_file, "/a=b");
        ck_assert_int_eq(config_set(&config, "instrument gold_mini.tick=0.5", error), CONFIG_OK);
        ck_assert_int_eq(find("GOLD_MINI")->tick_e6, 500000);
        ck_assert_int_eq(config_set(&config, "instrument TIN.lot_size=5", error), CONFIG_OK);
        ck_assert_int_eq(find("TIN")->lot_size, 5);

        static const char *const bad[][2] = {
                {"http.listen", "section.key=value"},
                {"listen=x", "section.key=value"},
                {"=", "section.key=value"},
                {"", "section.key=value"},
                {"http.password=geheim", "--set http.password: there is no such key"},
                {"http.connections_max=-1", "--set http.connections_max: must be a whole number"},
                {"instrument GOLD_MINI.ticks=1", "--set instrument GOLD_MINI.ticks: there is no such key"},
                {"instrument 1GOLD.tick=1", "must be a letter"},
                {"instrument .tick=1", "must be a letter"},
                {"http.allow=10.0.0.1 ;x", "a space and ; together"},
                {"http.allow=;x", "begin with ;"},
                {"http.allow=a\nb", "control characters"},
        };
        for (size_t i = 0; i < countof(bad); i++) {
                ck_assert_int_eq(config_set(&config, bad[i][0], error), CONFIG_INVALID);
                ck_assert_msg(strstr(error, bad[i][1]) != NULL, "%s: %s", bad[i][0], error);
                ck_assert_ptr_null(strstr(error, "geheim"));
        }
}
END_TEST

START_TEST(config_instruments_are_changed_and_added)
{
        ck_assert_int_eq(load("[instrument gold_mini]\nlot_size = 7\ninitial_risk_percent = 0.25\ntrailing_atr_multiple = 2.5\n"
                              "[instrument  Tin_2]\nlot_size = 1\npoint_value = 10000\nmargin_per_lot = 1000000000\nmax_pyramids = 0\n"
                              "[http]\nallow =\n"
                              "[instrument GOLD_MINI]\ntick = 0.000001\n"),
                         CONFIG_OK);
        ck_assert_int_eq(config_check(&config, error), CONFIG_OK);
        ck_assert_uint_eq(config.instruments_count, 5);
        const struct instrument *gold = find("GOLD_MINI");
        ck_assert_int_eq(gold->lot_size, 7);
        ck_assert_int_eq(gold->initial_risk_bp, 25);
        ck_assert_int_eq(gold->trailing_atr_x10, 25);
        ck_assert_int_eq(gold->tick_e6, 1);
        ck_assert_int_eq(gold->margin_per_lot, 105000);
        const struct instrument *tin = find("TIN_2");
        ck_assert_int_eq(tin->point_value, 10000);
        ck_assert_int_eq(tin->max_pyramids, 0);
        ck_assert_int_eq(tin->initial_vol_bp, 20);
}
END_TEST

START_TEST(config_instrument_refusals)
{
        refuses("[instrument X]\npoint_value = 10001\n", "2: instrument X.point_value", "from 1 to 10000 in steps of 1, not \"10001\"");
        refuses("[instrument X]\nmargin_per_lot = 1000000001\n", "2: instrument X.margin_per_lot", "to 1000000000");
        refuses("[instrument X]\nlot_size = 1.5\n", "2: instrument X.lot_size", "steps of 1");
        refuses("[instrument X]\nlot_size = 0\n", "2: instrument X.lot_size", "from 1");
        refuses("[instrument X]\nlot_size = -9223372036854.775808\n", "2: instrument X.lot_size", "from 1");
        refuses("[instrument X]\ninitial_risk_percent = 0.001\n", "2: instrument X.initial_risk_percent",
                "from 0.01 to 100 in steps of 0.01");
        refuses("[instrument X]\ninitial_atr_multiple = 1.55\n", "2: instrument X.initial_atr_multiple", "steps of 0.1");
        refuses("[instrument X]\nmax_pyramids = 6\n", "2: instrument X.max_pyramids", "from 0 to 5");
        refuses("[instrument X]\ntick = 0\n", "2: instrument X.tick", "from 0.000001");
        refuses("[instrument X]\nticks = 1\n", "2: instrument X.ticks", "an instrument has lot_size");
        refuses("[instrument X]\ntick = 1\ntick = 2\n", "3: instrument X.tick", "line 2 has it");
        refuses("[instrument A-B]\ntick = 1\n", "2: instrument A-B.tick", "must be a letter and then letters, digits and _");
        refuses("[instrument A23456789012345678901234]\ntick = 1\n", "2: ", "at most 23");
        refuses("[instrument]\ntick = 1\n", "2: instrument.tick", "no such section");

        ck_assert_int_eq(load("[instrument X]\npoint_value = 1\nmargin_per_lot = 1\n"), CONFIG_OK);
        ck_assert_int_eq(config_check(&config, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "[instrument X] lot_size is missing"));
}
END_TEST

static void
write_many(int count)
{
        FILE *out = fopen(file, "we");
        ck_assert_ptr_nonnull(out);
        for (int i = 0; i < count; i++)
                fprintf(out, "[instrument I%d]\nlot_size = %d\npoint_value = 1\nmargin_per_lot = 1\n", i, i + 1);
        ck_assert_int_eq(fclose(out), 0);
}

START_TEST(config_takes_20000_instruments_and_no_more)
{
        write_many(PM_INSTRUMENTS_MAX - 4);
        int64_t begin_us = clock_monotonic_us();
        ck_assert_int_eq(config_load(&config, file, error), CONFIG_OK);
        int64_t load_us = clock_monotonic_us() - begin_us;
        ck_assert_int_lt(load_us, 2000000); /* 0.02 s; a linear search would take minutes */
        ck_assert_uint_eq(config.instruments_count, PM_INSTRUMENTS_MAX);
        ck_assert_int_eq(config_check(&config, error), CONFIG_OK);
        ck_assert_int_eq(find("I19000")->lot_size, 19001);

        struct config again;
        config_init(&again);
        ck_assert_int_eq(config_load(&again, file, error), CONFIG_OK);
        ck_assert_int_eq(differences_of(&config, &again, NULL), 0);
        config_fini(&again);

        config_fini(&config);
        config_init(&config);
        write_many(PM_INSTRUMENTS_MAX - 3);
        ck_assert_int_eq(config_load(&config, file, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "more than 20000 instruments"));
}
END_TEST

START_TEST(config_written_file_reads_back_to_the_same)
{
        char allow[1100] = "http.allow=";
        while (strlen(allow) < 1000)
                strcat(allow, "10.0.0.0/8 ");
        static const char *const sets[] = {"instance.name=x-1.y",
                                           "instance.run_dir=/a b/#c",
                                           "instance.log_level=error",
                                           "http.allow_unauthenticated=yes",
                                           "http.listen=[::]:1",
                                           "database.mode=external",
                                           "portfolio.initial_capital=99999999999.999999",
                                           "supervision.watchdog_ms=600000",
                                           "instrument COPPER.tick=0.000001",
                                           "instrument ZINC.lot_size=3",
                                           "instrument ZINC.point_value=3",
                                           "instrument ZINC.margin_per_lot=3"};
        for (size_t i = 0; i < countof(sets); i++)
                ck_assert_msg(config_set(&config, sets[i], error) == CONFIG_OK, "%s", error);
        ck_assert_int_eq(config_set(&config, allow, error), CONFIG_OK);
        FILE *out = fopen(file, "we");
        ck_assert_ptr_nonnull(out);
        ck_assert_int_eq(config_write(&config, out), CONFIG_OK);
        fclose(out);

        struct config again;
        config_init(&again);
        ck_assert_msg(config_load(&again, file, error) == CONFIG_OK, "%s", error);
        ck_assert_int_eq(differences_of(&config, &again, NULL), 0);
        ck_assert_uint_eq(again.instruments_count, 5);
        ck_assert_mem_eq(config.instruments, again.instruments, 5 * sizeof(struct instrument));
        ck_assert_int_eq(again.initial_capital_e6, 99999999999999999);
        config_fini(&again);
}
END_TEST

START_TEST(config_write_says_when_the_disk_is_full)
{
        FILE *out = fopen("/dev/full", "we");
        ck_assert_ptr_nonnull(out);
        ck_assert_int_eq(config_write(&config, out), CONFIG_UNREADABLE);
        fclose(out);
}
END_TEST

START_TEST(config_diff_names_what_changed)
{
        char last[256];
        struct config other;
        config_init(&other);
        ck_assert_int_eq(differences_of(&config, &other, last), 0);
        ck_assert_int_eq(config_set(&other, "supervision.restart_budget=3", error), CONFIG_OK);
        ck_assert_int_eq(differences_of(&config, &other, last), 1);
        ck_assert_str_eq(last, "supervision.restart_budget: 10 to 3");
        ck_assert_int_eq(config_set(&other, "supervision.restart_budget=10", error), CONFIG_OK);
        ck_assert_int_eq(config_set(&other, "instrument COPPER.tick=1", error), CONFIG_OK);
        ck_assert_int_eq(differences_of(&config, &other, last), 1);
        ck_assert_str_eq(last, "instrument COPPER.tick: 0.05 to 1");
        ck_assert_int_eq(config_set(&other, "instrument COPPER.tick=0.05", error), CONFIG_OK);
        ck_assert_int_eq(config_set(&other, "instrument TIN.tick=1", error), CONFIG_OK);
        ck_assert_int_eq(differences_of(&config, &other, last), 1);
        ck_assert_str_eq(last, "instrument TIN: absent to configured");
        ck_assert_int_eq(differences_of(&other, &config, last), 1);
        ck_assert_str_eq(last, "instrument TIN: configured to absent");
        config_fini(&other);
}
END_TEST

/* After the assignment the whole is refused with these words. NULL: it is fine. */
static void
checks(const char *assignment, const char *words)
{
        struct config copy;
        config_init(&copy);
        ck_assert_msg(config_set(&copy, assignment, error) == CONFIG_OK, "%s", error);
        enum config_status status = config_check(&copy, error);
        ck_assert_msg(status == (words == NULL ? CONFIG_OK : CONFIG_INVALID), "%s: %s", assignment, error);
        ck_assert_msg(words == NULL || strstr(error, words) != NULL, "%s: %s", assignment, error);
        config_fini(&copy);
}

START_TEST(config_addresses_and_names_are_refused_where_they_stand)
{
        checks("http.listen=127.0.0.1:65535", NULL);
        checks("http.listen=0.0.0.0:80", NULL);
        checks("http.listen=[fe80::1]:80", NULL);
        static const char *const listens[] = {"nowhere",      "5000",           "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                                              "127.0.0.1:+1", "localhost:5000", "::1:80",    "[::1]",      "[::1]80",     "[127.0.0.1]:80",
                                              ":80",          "[]:80",          "[:80"};
        for (size_t i = 0; i < countof(listens); i++) {
                char text[64];
                snprintf(text, sizeof text, "[http]\nlisten = %s\n", listens[i]);
                refuses(text, "2: http.listen", "must be ADDRESS:PORT");
        }
        refuses("[http]\nlisten =\n", "2: http.listen", "must not be empty");
        checks("http.allow=1.2.3.4,10.0.0.0/8 , ::/0", NULL);
        refuses("[http]\nallow = 10.0.0.0/33\n", "2: http.allow", "\"10.0.0.0/33\"");
        refuses("[http]\nallow = 10.0.0.0/8 fd00::/129\n", "2: http.allow", "\"fd00::/129\"");
        refuses("[http]\nallow = 10.0.0.0/\n", "2: http.allow", "\"10.0.0.0/\"");
        refuses("[http]\nallow = example.org\n", "2: http.allow", "\"example.org\"");
        refuses("[instance]\nname = a b\n", "2: instance.name", "letters, digits");
        refuses("[instance]\nuser = -x\n", "2: instance.user", "not begin with -");
}
END_TEST

START_TEST(config_check_knows_the_rules_between_keys)
{
        checks("supervision.heartbeat_ms=1000", "supervision.watchdog_ms: 2000 is less than three times");
        checks("instance.run_dir=/var/lib/pm-supervisor", "must be two folders");
        checks("database.config=", NULL);
        ck_assert_int_eq(config_set(&config, "database.mode=external", error), CONFIG_OK);
        ck_assert_int_eq(config_set(&config, "database.config=", error), CONFIG_OK);
        ck_assert_int_eq(config_check(&config, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "database.config: must name"));
}
END_TEST

START_TEST(config_unix_socket_path_over_the_limit_is_refused_by_name)
{
        char assignment[200] = "instance.run_dir=/";
        char path[PM_UNIX_PATH_MAX + 1];
        size_t start = strlen("instance.run_dir=");
        memset(assignment + start + 1, 'r', 107 - strlen("/effective.conf.new") - 1);
        checks(assignment, NULL); /* the longest that is possible */
        ck_assert_int_eq(config_set(&config, assignment, error), CONFIG_OK);
        ck_assert_str_eq(strrchr(config_run_path(&config, "control-p.sock", path), '/'), "/control-p.sock");

        memset(assignment + start + 1, 'r', 107 - strlen("/control-p.sock"));
        checks(assignment, "/control-p.sock has 108 bytes and a unix socket's at most 107; choose a shorter folder");
}
END_TEST

START_TEST(config_check_serve_wants_a_secret_or_the_word)
{
        ck_assert_int_eq(config_check_serve(&config, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "http.allow_unauthenticated = yes"));
        ck_assert_int_eq(config_set(&config, "http.allow_unauthenticated=yes", error), CONFIG_OK);
        ck_assert_int_eq(config_check_serve(&config, error), CONFIG_OK);
        ck_assert_int_eq(config_set(&config, "http.allow_unauthenticated=no", error), CONFIG_OK);
        ck_assert_int_eq(config_set(&config, "http.secret_file=/x", error), CONFIG_OK);
        ck_assert_int_eq(config_check_serve(&config, error), CONFIG_OK);
}
END_TEST

/* Every row stands in the sample with its help and default, under its section, in the table's order; and nothing else does. */
START_TEST(config_sample_has_every_key_with_its_default_and_no_other)
{
        static char line[1024];
        char previous[1024] = "";
        char section[64] = "";
        size_t row_no = 0;
        FILE *sample = fopen(PM_TEST_SRCDIR "/packaging/pm-supervisor.conf", "re");
        ck_assert_ptr_nonnull(sample);
        while (fgets(line, sizeof line, sample) != NULL && strncmp(line, "#[instrument", 12) != 0) {
                char key[64];
                line[strcspn(line, "\n")] = '\0';
                if (sscanf(line, "[%63[a-z]]", section) == 1 || sscanf(line, "#%63[a-z_] =", key) != 1 || line[1] == ' ') {
                        strcpy(previous, line);
                        continue;
                }
                struct config_row_view view;
                char wanted[1024];
                ck_assert_msg(config_row(row_no++, &view), "%s is no row", line);
                snprintf(wanted, sizeof wanted, "#%s =%s%s", view.key, view.value_default[0] != '\0' ? " " : "", view.value_default);
                ck_assert_str_eq(line, wanted);
                ck_assert_str_eq(section, view.section);
                snprintf(wanted, sizeof wanted, "# %s", view.help);
                ck_assert_str_eq(previous, wanted);
        }
        struct config_row_view view;
        ck_assert_msg(!config_row(row_no, &view), "%s.%s is not in the sample", view.section, view.key);
        fclose(sample);
}
END_TEST

/* With every # before a key taken away it loads, and changes nothing. */
START_TEST(config_sample_uncommented_is_the_defaults)
{
        static char line[1024];
        FILE *sample = fopen(PM_TEST_SRCDIR "/packaging/pm-supervisor.conf", "re");
        FILE *out = fopen(file, "we");
        ck_assert_ptr_nonnull(sample);
        ck_assert_ptr_nonnull(out);
        while (fgets(line, sizeof line, sample) != NULL)
                fputs(line[0] == '#' && line[1] != ' ' ? line + 1 : line, out);
        fclose(sample);
        fclose(out);
        struct config defaults;
        char last[256] = "";
        config_init(&defaults);
        ck_assert_msg(config_load(&config, file, error) == CONFIG_OK, "%s", error);
        ck_assert_msg(differences_of(&config, &defaults, last) == 0, "%s", last);
        config_fini(&defaults);
}
END_TEST

START_TEST(secret_file_must_be_private)
{
        write_file(file, "s", 1, 0600);
        int fd = config_open_secret(file, geteuid(), error);
        ck_assert_msg(fd >= 0, "%s", error);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        close(fd);
        ck_assert_int_eq(chmod(file, 0400), 0);
        fd = config_open_secret(file, geteuid(), error);
        ck_assert_int_ge(fd, 0);
        close(fd);

        char command[128];
        snprintf(command, sizeof command, "chmod 600 %s", file);
        static const mode_t modes[] = {0640, 0604, 0610, 0601, 0660, 0644, 0700};
        for (size_t i = 0; i < countof(modes); i++) {
                ck_assert_int_eq(chmod(file, modes[i]), 0);
                ck_assert_int_eq(config_open_secret(file, geteuid(), error), -1);
                ck_assert_msg(strstr(error, command) != NULL, "%s", error);
        }
        unlink(file);
        ck_assert_int_eq(config_open_secret(file, geteuid(), error), -1);
        ck_assert_ptr_nonnull(strstr(error, "No such file"));
        ck_assert_int_eq(mkfifo(file, 0600), 0);
        ck_assert_int_eq(config_open_secret(file, geteuid(), error), -1); /* and does not hang */
        ck_assert_ptr_nonnull(strstr(error, "not a regular file"));
        ck_assert_int_eq(config_open_secret(folder, geteuid(), error), -1);
}
END_TEST

START_TEST(secret_file_must_be_ours)
{
        if (geteuid() != 0)
                return; /* only root can give files away */
        write_file(file, "s", 1, 0600);
        ck_assert_int_eq(chown(file, 12345, 12345), 0);
        ck_assert_int_eq(config_open_secret(file, 0, error), -1);
        char command[128];
        snprintf(command, sizeof command, "belongs to uid 12345, who could change it: chown root %s", file);
        ck_assert_msg(strstr(error, command) != NULL, "%s", error);
        int fd = config_open_secret(file, 12345, error);
        ck_assert_int_ge(fd, 0);
        close(fd);
}
END_TEST

static struct config_conninfo conninfo;

static enum config_status
read_conninfo(const char *text)
{
        write_file(file, text, strlen(text), 0600);
        int fd = config_open_secret(file, geteuid(), error);
        ck_assert_int_ge(fd, 0);
        return config_read_conninfo(fd, file, &conninfo, error);
}

START_TEST(conninfo_of_the_seed_is_read)
{
        int fd = open(PM_TEST_SRCDIR "/packaging/database_config.json.example", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(config_read_conninfo(fd, "example", &conninfo, error), CONFIG_OK);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1); /* closed */
        static const char *const wanted[][2] = {{"host", "localhost"},
                                                {"port", "5432"},
                                                {"dbname", "portfolio_manager"},
                                                {"user", "portfolio_user"},
                                                {"password", "your_secure_password"}};
        ck_assert_uint_eq(conninfo.count, 5);
        for (uint32_t i = 0; i < 5; i++) {
                ck_assert_str_eq(conninfo.keywords[i], wanted[i][0]);
                ck_assert_str_eq(conninfo.values[i], wanted[i][1]);
        }
        ck_assert_ptr_null(conninfo.keywords[5]);
        ck_assert_ptr_null(conninfo.values[5]);
        config_conninfo_fini(&conninfo);
        ck_assert_uint_eq(conninfo.count, 0);
}
END_TEST

START_TEST(conninfo_takes_libpq_keywords_and_text)
{
        ck_assert_int_eq(
                read_conninfo(
                        " {\"host\": \"a,b\", \"port\": \"5432,5433\", \"dbname\": \"d\", \"user\": \"u\", \"password\": \"\\u20ac\\\"\","
                        " \"sslmode\": \"verify-full\", \"keepalives_idle\": 10, \"target_session_attrs\": \"read-write\"}\n"),
                CONFIG_OK);
        ck_assert_uint_eq(conninfo.count, 8);
        ck_assert_str_eq(conninfo.values[4], "\xe2\x82\xac\"");
        ck_assert_str_eq(conninfo.values[6], "10");
        config_conninfo_fini(&conninfo);
        ck_assert_int_eq(read_conninfo("{\"service\": \"pm\"}"), CONFIG_OK); /* the service file has the rest */
        config_conninfo_fini(&conninfo);
}
END_TEST

START_TEST(conninfo_refusals_name_the_key_and_never_a_value)
{
#define FIVE "\"host\":\"h\",\"port\":1,\"database\":\"d\",\"user\":\"u\",\"password\":\"geheim\""
        static const char *const bad[][2] = {
                {"", "not JSON"},
                {"{" FIVE, "not JSON"},
                {"{\n" FIVE ",}", ":2:"},
                {"{" FIVE "} x", "not JSON"},
                {"[]", "must be one JSON object"},
                {"null", "must be one JSON object"},
                {"7", "must be one JSON object"},
                {"{" FIVE ",\"passwort\":\"geheim\"}", "there is no key \"passwort\""},
                {"{" FIVE ",\"connect_timeout\":3}", "connect_timeout is set by pm-supervisor itself"},
                {"{" FIVE ",\"application_name\":\"x\"}", "application_name is set by pm-supervisor itself"},
                {"{" FIVE ",\"host\":\"h2\"}", "a key is given twice"},
                {"{" FIVE ",\"password\":\"geheim2\"}", "a key is given twice"},
                {"{" FIVE ",\"dbname\":\"e\"}", "database and dbname are the same"},
                {"{" FIVE ",\"sslmode\":true}", "sslmode must be text or a number"},
                {"{" FIVE ",\"sslmode\":null}", "sslmode must be text or a number"},
                {"{" FIVE ",\"options\":\"a\\u0000b\"}", "options holds a NUL character"},
                {"{" FIVE ",\"options\":{\"geheim\":1}}", "not an object; the keys stand at the top of the file"},
                {"{\"local\":{" FIVE "}}", "there is no key \"local\""},
                {"{\"port\":1,\"database\":\"d\",\"user\":\"u\"}", "\"host\" is missing"},
                {"{\"host\":\"\",\"database\":\"d\",\"user\":\"u\"}", "\"host\" is missing"},
                {"{\"host\":\"h\",\"user\":\"u\"}", "\"database\" is missing"},
                {"{\"host\":\"h\",\"database\":\"d\"}", "\"user\" is missing"},
                {"{}", "\"host\" is missing"},
        };
        for (size_t i = 0; i < countof(bad); i++) {
                ck_assert_msg(read_conninfo(bad[i][0]) == CONFIG_INVALID, "%s", bad[i][0]);
                ck_assert_msg(strstr(error, bad[i][1]) != NULL, "%s: %s", bad[i][0], error);
                ck_assert_msg(strncmp(error, file, strlen(file)) == 0, "%s", error);
                ck_assert_msg(strstr(error, "geheim") == NULL, "%s", error);
                ck_assert_uint_eq(conninfo.count, 0);
        }
        static char big[70000];
        memset(big, ' ', sizeof big - 1);
        ck_assert_int_eq(read_conninfo(big), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "longer than"));
        static const char nul[] = "{" FIVE "}\0{}";
        write_file(file, nul, sizeof nul - 1, 0600);
        ck_assert_int_eq(config_read_conninfo(open(file, O_RDONLY | O_CLOEXEC), file, &conninfo, error), CONFIG_INVALID);
        ck_assert_ptr_nonnull(strstr(error, "more after the JSON object"));
        ck_assert_int_eq(config_read_conninfo(-1, "p", &conninfo, error), CONFIG_UNREADABLE);
}
END_TEST

int
main(void)
{
        TCase *tcase = tcase_create("config");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_set_timeout(tcase, 30);
        tcase_add_test(tcase, config_defaults_pass_their_own_checks);
        tcase_add_test(tcase, config_file_sets_every_kind_of_value);
        tcase_add_test(tcase, config_relative_file_becomes_absolute);
        tcase_add_test(tcase, config_file_refusals_name_line_key_and_what_to_do);
        tcase_add_test(tcase, config_file_with_long_or_binary_lines_is_refused_by_line);
        tcase_add_test(tcase, config_file_that_cannot_be_read_is_told_apart);
        tcase_add_test(tcase, config_set_overrides_one_key);
        tcase_add_test(tcase, config_instruments_are_changed_and_added);
        tcase_add_test(tcase, config_instrument_refusals);
        tcase_add_test(tcase, config_takes_20000_instruments_and_no_more);
        tcase_add_test(tcase, config_written_file_reads_back_to_the_same);
        tcase_add_test(tcase, config_write_says_when_the_disk_is_full);
        tcase_add_test(tcase, config_diff_names_what_changed);
        tcase_add_test(tcase, config_addresses_and_names_are_refused_where_they_stand);
        tcase_add_test(tcase, config_check_knows_the_rules_between_keys);
        tcase_add_test(tcase, config_unix_socket_path_over_the_limit_is_refused_by_name);
        tcase_add_test(tcase, config_check_serve_wants_a_secret_or_the_word);
        tcase_add_test(tcase, config_sample_has_every_key_with_its_default_and_no_other);
        tcase_add_test(tcase, config_sample_uncommented_is_the_defaults);
        tcase_add_test(tcase, secret_file_must_be_private);
        tcase_add_test(tcase, secret_file_must_be_ours);
        tcase_add_test(tcase, conninfo_of_the_seed_is_read);
        tcase_add_test(tcase, conninfo_takes_libpq_keywords_and_text);
        tcase_add_test(tcase, conninfo_refusals_name_the_key_and_never_a_value);
        Suite *suite = suite_create("config");
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
