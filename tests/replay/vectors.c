/* pm-vectors: runs golden cases through the real core and the real parser.
 *
 *   pm-vectors PATH…     files of JSON Lines, or folders of *.jsonl; prints each mismatch and "N passed, N failed"
 *
 * Exit code 0 when nothing failed, 1 when something did, 2 when a file could not be read. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/replay/vector.h"

struct tally {
        unsigned passed;
        unsigned failed;
};

static void
run_case(struct tally *tally, const char *path, unsigned line_no, json_object *json)
{
        char place[512];
        json_object *value = NULL;
        snprintf(place, sizeof place, "%s:%u", path, line_no);
        struct vector vector = {.id = place};
        if (json_object_object_get_ex(json, "id", &value) && json_object_is_type(value, json_type_string))
                vector.id = json_object_get_string(value);

        const char *fn = vector_text(&vector, json, "fn");
        if (strcmp(fn, "session") == 0) {
                vector_session(&vector, json);
        } else {
                json_object *got = vector_call(&vector, fn, vector_member(&vector, json, "in"));
                if (got == NULL)
                        vector_mismatch(&vector, "fn", "a known function", fn);
                else
                        vector_compare(&vector, "", vector_member(&vector, json, "out"), got);
                json_object_put(got);
        }
        if (vector.mismatches == 0)
                tally->passed++;
        else
                tally->failed++;
}

static bool
run_file(struct tally *tally, const char *path)
{
        FILE *file = fopen(path, "r");
        char *line = NULL;
        size_t capacity = 0;
        ssize_t size;
        if (file == NULL) {
                fprintf(stderr, "pm-vectors: %s: %s\n", path, strerror(errno));
                return false;
        }
        for (unsigned line_no = 1; (size = getline(&line, &capacity, file)) >= 0; line_no++) {
                if (strspn(line, " \t\r\n") == (size_t)size)
                        continue;
                json_object *json = json_tokener_parse(line);
                if (json_object_is_type(json, json_type_object)) {
                        run_case(tally, path, line_no, json);
                } else {
                        printf("%s:%u: not a JSON object\n", path, line_no);
                        tally->failed++;
                }
                json_object_put(json);
        }
        bool ok = ferror(file) == 0;
        if (!ok)
                fprintf(stderr, "pm-vectors: %s: read error\n", path);
        free(line);
        fclose(file);
        return ok;
}

static int
is_vector_file(const struct dirent *entry)
{
        size_t size = strlen(entry->d_name);
        return size > 6 && strcmp(entry->d_name + size - 6, ".jsonl") == 0;
}

static bool
run_folder(struct tally *tally, const char *path)
{
        struct dirent **entries = NULL;
        int count = scandir(path, &entries, is_vector_file, alphasort);
        bool ok = count > 0;
        if (!ok)
                fprintf(stderr, "pm-vectors: %s: no *.jsonl in this folder\n", path);
        for (int i = 0; i < count; i++) {
                char file[4096];
                snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
                ok = run_file(tally, file) && ok;
                free(entries[i]);
        }
        free(entries);
        return ok;
}

int
main(int argc, char **argv)
{
        struct tally tally = {0};
        bool ok = argc > 1;
        if (!ok)
                fprintf(stderr, "usage: pm-vectors PATH…\n");
        for (int i = 1; i < argc; i++) {
                struct stat status;
                bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
                ok = (is_folder ? run_folder(&tally, argv[i]) : run_file(&tally, argv[i])) && ok;
        }
        printf("%u passed, %u failed\n", tally.passed, tally.failed);
        return !ok ? 2 : tally.failed > 0;
}
