#include "supervisor/preflight.h"

#include <stdio.h>
#include <unistd.h>

#include "supervisor/spawn.h"

static enum preflight_status
check_conninfo(const char *path, const struct spawn_identity *identity, char error[CONFIG_ERROR_SIZE])
{
        struct config_conninfo conninfo;
        int fd = config_open_secret(path, identity->uid, error);
        if (fd < 0 || config_read_conninfo(fd, path, &conninfo, error) != CONFIG_OK)
                return PREFLIGHT_REFUSED;
        config_conninfo_fini(&conninfo);
        return PREFLIGHT_OK;
}

enum preflight_status
preflight_check(const struct config *config, char error[CONFIG_ERROR_SIZE])
{
        struct spawn_identity identity;
        if (config_check_serve(config, error) != CONFIG_OK)
                return PREFLIGHT_REFUSED;
        if (spawn_identity_of(config->user, &identity, error, CONFIG_ERROR_SIZE) != SPAWN_OK)
                return PREFLIGHT_REFUSED;
        if (config->database_mode == DATABASE_EMBEDDED && identity.uid == 0) {
                snprintf(error, CONFIG_ERROR_SIZE,
                         "PostgreSQL refuses to run as root, so the embedded database needs a user for the children: --set "
                         "instance.user=postgres, or user = postgres below [instance]");
                return PREFLIGHT_REFUSED;
        }
        if (config->secret_file[0] != '\0') {
                int fd = config_open_secret(config->secret_file, identity.uid, error);
                if (fd < 0)
                        return PREFLIGHT_REFUSED;
                close(fd);
        }
        return config->database_mode == DATABASE_EXTERNAL ? check_conninfo(config->database_config, &identity, error) : PREFLIGHT_OK;
}
