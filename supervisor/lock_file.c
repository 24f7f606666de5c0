#include "supervisor/lock_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES_MAX 8

static pid_t
read_pid(int fd)
{
        char text[32];
        ssize_t size = pread(fd, text, sizeof text - 1, 0);
        if (size <= 0)
                return 0;
        text[size] = '\0';
        char *end;
        long pid = strtol(text, &end, 10);
        return *end == '\n' && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

enum lock_file_status
lock_file_take(const char *path, int *fd, pid_t *pid)
{
        *fd = -1;
        *pid = 0;
        for (int tries = 0; tries < TRIES_MAX; tries++) {
                struct stat stat;
                int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
                if (file < 0)
                        return LOCK_FILE_ERROR;
                if (flock(file, LOCK_EX | LOCK_NB) != 0) {
                        int why = errno;
                        if (why == EWOULDBLOCK)
                                *pid = read_pid(file);
                        close(file);
                        errno = why;
                        return why == EWOULDBLOCK ? LOCK_FILE_HELD : LOCK_FILE_ERROR;
                }
                if (fstat(file, &stat) == 0 && stat.st_nlink > 0) {
                        *fd = file;
                        return LOCK_FILE_OK;
                }
                /* Its last owner removed it between our open and our lock: nobody else would see the lock. */
                close(file);
        }
        errno = EBUSY;
        return LOCK_FILE_ERROR;
}

enum lock_file_status
lock_file_write_pid(int fd, pid_t pid)
{
        char text[32];
        struct stat stat;
        int size = snprintf(text, sizeof text, "%d\n", (int)pid);
        ssize_t written = pwrite(fd, text, (size_t)size, 0);
        if (written != size) {
                if (written >= 0)
                        errno = ENOSPC;
                return LOCK_FILE_ERROR;
        }
        /* Hardly ever, and cutting costs a file system's journal what a restart would rather not wait for. */
        if (fstat(fd, &stat) == 0 && stat.st_size == size)
                return LOCK_FILE_OK;
        return ftruncate(fd, size) == 0 ? LOCK_FILE_OK : LOCK_FILE_ERROR;
}

bool
lock_file_is_open_in(const char *path, pid_t pid)
{
        char folder[64];
        struct stat wanted;
        if (pid <= 0 || stat(path, &wanted) != 0)
                return false;
        snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
        DIR *dir = opendir(folder);
        if (dir == NULL)
                return false;
        bool found = false;
        const struct dirent *entry;
        while (!found && (entry = readdir(dir)) != NULL) {
                struct stat open_file;
                if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &open_file, 0) != 0)
                        continue;
                found = open_file.st_dev == wanted.st_dev && open_file.st_ino == wanted.st_ino;
        }
        closedir(dir);
        return found;
}
