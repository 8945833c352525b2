/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffered text under one lock. A thread without a name is KVM's own: a fault
 * of a halted or interruptible vCPU is taken by a kernel worker (asynchronous
 * page faults), whose id tells nothing of the vCPU.
 */
#define _GNU_SOURCE
#include "pager/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 512

struct trace {
	/* Set by trace_create, constant after. */
	FILE *file;
	uint64_t start_ns;

	pthread_mutex_t lock;
	/* lock held: */
	struct {
		pid_t tid;
		char name[16];
	} names[NAMES_MAX];
	unsigned nr_names;
	int error; /* errno of the first write that failed */
};

int trace_create(struct trace **out, const char *path, uint64_t start_ns)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	int fd;

	if (!trace)
		return -ENOMEM;
	/* A FIFO that nobody reads is an error (ENXIO), not a wait. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK,
		  0666);
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_WRONLY);
	trace->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!trace->file) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		free(trace);
		return -error;
	}
	trace->start_ns = start_ns;
	pthread_mutex_init(&trace->lock, NULL);
	fputs("# time_us who gpa pages source offset taken_us\n", trace->file);
	*out = trace;
	return 0;
}

void trace_name(struct trace *trace, pid_t tid, const char *name)
{
	pthread_mutex_lock(&trace->lock);
	if (trace->nr_names < NAMES_MAX) {
		trace->names[trace->nr_names].tid = tid;
		snprintf(trace->names[trace->nr_names].name,
			 sizeof(trace->names[0].name), "%s", name);
		trace->nr_names++;
	}
	pthread_mutex_unlock(&trace->lock);
}

/* lock held */
static const char *who(const struct trace *trace, pid_t tid)
{
	if (!tid)
		return "device";
	for (unsigned i = 0; i < trace->nr_names; i++)
		if (trace->names[i].tid == tid)
			return trace->names[i].name;
	return "kvm";
}

/* lock held. Blanks separate fields and newlines separate events, so a path
 * with such in it is written with them as %20 and %0a, and % as %25. */
static void put_name(const struct trace *trace, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c <= ' ' || c == 0x7f || c == '%')
			fprintf(trace->file, "%%%02x", c);
		else
			putc(c, trace->file);
	}
}

void trace_event(struct trace *trace, const struct pager_event *event)
{
	pthread_mutex_lock(&trace->lock);
	fprintf(trace->file, "%.1f ",
		(double)(event->start_ns - trace->start_ns) / 1e3);
	put_name(trace, who(trace, event->tid));
	fprintf(trace->file, " 0x%llx %llu ", (unsigned long long)event->gpa,
		(unsigned long long)event->pages);
	if (event->kind == PAGER_EVENT_DISCARD)
		put_name(trace, "(discarded)");
	else
		put_name(trace, event->source ? event->source : "-");
	fprintf(trace->file, " 0x%llx %.1f\n",
		(unsigned long long)event->offset,
		(double)event->taken_ns / 1e3);
	if (!trace->error && ferror(trace->file))
		trace->error = errno;
	pthread_mutex_unlock(&trace->lock);
}

int trace_destroy(struct trace *trace)
{
	int error;

	if (!trace)
		return 0;
	error = trace->error;
	if (fclose(trace->file) && !error)
		error = errno;
	pthread_mutex_destroy(&trace->lock);
	free(trace);
	return -error;
}
