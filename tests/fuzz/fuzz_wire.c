/* Any bytes on any link are a message or a typed refusal; what is a message packs to bytes that read back and pack to themselves. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct {
                enum role from;
                enum role to;
        } ends[] = {{ROLE_WORKER, ROLE_PERSISTER},     {ROLE_PERSISTER, ROLE_WORKER},     {ROLE_WORKER, ROLE_SUPERVISOR},
                    {ROLE_PERSISTER, ROLE_SUPERVISOR}, {ROLE_SUPERVISOR, ROLE_PERSISTER}, {ROLE_SUPERVISOR, ROLE_WORKER}};
        static struct wire_decoder decoder;
        static struct wire_decoder second;
        static struct wire_buffer buffer;
        static struct wire_buffer again;
        for (size_t i = 0; i < countof(ends); i++) {
                struct msg msg;
                struct msg back;
                if (wire_decode(&decoder, data, size, ends[i].from, ends[i].to, &msg, NULL) != WIRE_OK)
                        continue;
                if (wire_encode(&msg, &buffer) != WIRE_OK ||
                    wire_decode(&second, buffer.data, buffer.size, ends[i].from, ends[i].to, &back, NULL) != WIRE_OK ||
                    wire_encode(&back, &again) != WIRE_OK || again.size != buffer.size || memcmp(again.data, buffer.data, buffer.size) != 0)
                        abort();
        }
        return 0;
}
