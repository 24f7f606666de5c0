#include "supervisor/config_source.h"

#include <stdio.h>

enum config_status
config_source_load(const struct config_source *source, struct config *config, char error[CONFIG_ERROR_SIZE])
{
        char reason[CONFIG_ERROR_SIZE];
        enum config_status status = CONFIG_OK;
        config_init(config);
        if (source->path[0] != '\0')
                status = config_load(config, source->path, error);
        for (uint32_t i = 0; i < source->sets_count && status == CONFIG_OK; i++)
                status = config_set(config, source->sets[i], error);
        if (status == CONFIG_OK && config_check(config, reason) != CONFIG_OK) {
                /* The value may come from the file or from --set; the file is where to look first. */
                snprintf(error, CONFIG_ERROR_SIZE, "%.200s%s%.300s", source->path, source->path[0] != '\0' ? ": " : "", reason);
                status = CONFIG_INVALID;
        }
        if (status != CONFIG_OK)
                config_fini(config);
        return status;
}
