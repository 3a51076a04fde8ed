/* What e2fsprogs' configure would find out about musl's headers and this server. */
#pragma once
#define HAVE_UNISTD_H 1
#define HAVE_STDLIB_H 1
#define HAVE_ERRNO_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_INTPTR_T 1
#define HAVE_TYPE_SSIZE_T 1
#define HAVE_STRNLEN 1
#define OMIT_COM_ERR 1
