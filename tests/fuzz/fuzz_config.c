/* Bytes as pm-supervisor.conf, as --set and as database_config.json. What is accepted must be written and read back to the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
file_of(const uint8_t *data, size_t size, char path[64])
{
        int fd = memfd_create("fuzz", MFD_CLOEXEC);
        PM_ASSERT(fd >= 0);
        PM_ASSERT(write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
        snprintf(path, 64, "/proc/self/fd/%d", fd);
        return fd;
}

static void
on_difference(void *owner, const char *name, const char *from, const char *to, bool reloadable)
{
        (void)owner;
        (void)reloadable;
        fprintf(stderr, "%s: %s became %s\n", name, from, to);
        abort();
}

static void
read_back(const struct config *config)
{
        char path[64];
        char error[CONFIG_ERROR_SIZE];
        struct config again;
        int fd = file_of(NULL, 0, path);
        FILE *out = fdopen(dup(fd), "w");
        PM_ASSERT(out != NULL && config_write(config, out) == CONFIG_OK);
        fclose(out);
        config_init(&again);
        if (config_load(&again, path, error) != CONFIG_OK) {
                fprintf(stderr, "%s\n", error);
                abort();
        }
        config_diff(config, &again, on_difference, NULL);
        config_fini(&again);
        close(fd);
}

static void
as_config(const uint8_t *data, size_t size, bool is_set)
{
        char path[64];
        char error[CONFIG_ERROR_SIZE];
        struct config config;
        enum config_status status;
        config_init(&config);
        if (is_set) {
                char *text = calloc(1, size + 1);
                PM_ASSERT(text != NULL);
                memcpy(text, data, size);
                status = config_set(&config, text, error);
                free(text);
        } else {
                int fd = file_of(data, size, path);
                status = config_load(&config, path, error);
                close(fd);
        }
        PM_ASSERT((status == CONFIG_OK) == (error[0] == '\0'));
        if (status == CONFIG_OK) {
                bool is_good = config_check(&config, error) == CONFIG_OK;
                PM_ASSERT(is_good == (error[0] == '\0'));
                if (is_good)
                        read_back(&config);
        }
        config_fini(&config);
}

static void
as_conninfo(const uint8_t *data, size_t size)
{
        char path[64];
        char error[CONFIG_ERROR_SIZE];
        struct config_conninfo conninfo;
        if (config_read_conninfo(file_of(data, size, path), path, &conninfo, error) == CONFIG_OK) {
                for (uint32_t i = 0; i < conninfo.count; i++)
                        PM_ASSERT(conninfo.keywords[i] != NULL && conninfo.values[i] != NULL);
                PM_ASSERT(conninfo.keywords[conninfo.count] == NULL);
        }
        config_conninfo_fini(&conninfo);
}

/* The first byte says what the rest is. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        switch (data[0]) {
        case '{': as_conninfo(data, size); break;
        case '=': as_config(data + 1, size - 1, true); break;
        default: as_config(data, size, false); break;
        }
        return 0;
}
