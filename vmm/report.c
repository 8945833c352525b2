/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times are counted from the start of the process.
 */
#include "vmm/report.h"

#include <assert.h>
#include <stdbool.h>

#include "vmm/boot/boot.h"
#include "vmm/exit.h"

static const char *const phase_names[] = {
	[PHASE_PROCESS] = "process_started",
	[PHASE_IMAGE] = "image_parsed",
	[PHASE_VM] = "vm_created",
	[PHASE_ARMED] = "armed",
	[PHASE_FIRST] = "first_instruction",
	[PHASE_READY] = "ready_marker",
	[PHASE_EXIT] = "exit",
};
static_assert(sizeof(phase_names) / sizeof(*phase_names) == PHASES,
	      "every phase has a name");

static const char *const window_names[] = {"1", "2-4", "5-16", "17-64"};

static const char *const pager_names[] = {
	[PAGER_UFFD] = "uffd",
	[PAGER_MAP] = "map",
	[PAGER_EAGER] = "eager",
};

/* Microseconds since the process started; negative: did not happen. */
static double phase_us(const struct timeline *timeline, enum phase phase)
{
	if (!timeline->at[phase])
		return -1;
	return (double)(timeline->at[phase] - timeline->at[PHASE_PROCESS]) /
	       1e3;
}

/* Who on the bus of ports was accessed how often. */
static void ports_text(FILE *out, const struct bus *ports)
{
	fprintf(out, "\nports    ");
	for (size_t i = 0; i < ports->nr_ranges; i++)
		if (ports->accesses[i])
			fprintf(out, " %s: %llu", ports->ranges[i].name,
				(unsigned long long)ports->accesses[i]);
}

static void ports_json(FILE *out, const struct bus *ports)
{
	fprintf(out, ",\"ports\":[");
	for (size_t i = 0; i < ports->nr_ranges; i++)
		fprintf(out,
			"%s{\"name\":\"%s\",\"port\":%llu,"
			"\"accesses\":%llu}",
			i ? "," : "", ports->ranges[i].name,
			(unsigned long long)ports->ranges[i].base,
			(unsigned long long)ports->accesses[i]);
	fputc(']', out);
}

/* A table with a row per device. */
static void devices_text(FILE *out, const struct report *r)
{
	struct virtio_stats stats;

	if (!r->nr_devices)
		return;
	fprintf(out, "%-16s %10s %14s %13s %10s %7s\n", "device", "requests",
		"bytes", "notifications", "interrupts", "dropped");
	for (unsigned i = 0; i < r->nr_devices; i++) {
		virtio_device_stats(r->devices[i], &stats);
		fprintf(out, "  %-14s %10llu %14llu %13llu %10llu %7llu\n",
			r->devices[i]->ops->name,
			(unsigned long long)stats.requests,
			(unsigned long long)stats.bytes,
			(unsigned long long)stats.notifications,
			(unsigned long long)stats.interrupts,
			(unsigned long long)stats.dropped);
	}
}

static void devices_json(FILE *out, const struct report *r)
{
	struct virtio_stats stats;

	fprintf(out, ",\"devices\":[");
	for (unsigned i = 0; i < r->nr_devices; i++) {
		virtio_device_stats(r->devices[i], &stats);
		fprintf(out,
			"%s{\"name\":\"%s\",\"requests\":%llu,"
			"\"bytes\":%llu,\"notifications\":%llu,"
			"\"interrupts\":%llu,\"dropped\":%llu}",
			i ? "," : "", r->devices[i]->ops->name,
			(unsigned long long)stats.requests,
			(unsigned long long)stats.bytes,
			(unsigned long long)stats.notifications,
			(unsigned long long)stats.interrupts,
			(unsigned long long)stats.dropped);
	}
	fputc(']', out);
}

void report_text(FILE *out, const struct report *r)
{
	fprintf(out, "phase                     ms\n");
	for (int i = PHASE_IMAGE; i < PHASES; i++) {
		double us = phase_us(r->timeline, (enum phase)i);

		if (us < 0)
			fprintf(out, "  %-18s %7s\n", phase_names[i], "-");
		else
			fprintf(out, "  %-18s %7.3f\n", phase_names[i],
				us / 1e3);
	}
	fprintf(out, "boot %s, pager %s, machine %s\n",
		boot_protocol_name(r->protocol), pager_names[r->options->pager],
		machine_name(r->options->machine));
	fprintf(out, "pages     %llu present of %llu",
		(unsigned long long)r->pager.pages_present,
		(unsigned long long)r->pager.pages);
	if (r->pager.pages_zeroed)
		fprintf(out, ", %llu zeroed",
			(unsigned long long)r->pager.pages_zeroed);
	if (r->pager.pages_discarded)
		fprintf(out, ", %llu discarded",
			(unsigned long long)r->pager.pages_discarded);
	putc('\n', out);
	if (r->options->gdb)
		fprintf(out, "debugger  %llu pages\n",
			(unsigned long long)r->pager.pages_debugger);
	fprintf(out, "bytes     %llu read\n",
		(unsigned long long)r->pager.bytes_read);
	fprintf(out, "faults    %llu; by pages brought:",
		(unsigned long long)r->pager.faults);
	for (int i = 0; i < 4; i++)
		fprintf(out, " %s: %llu", window_names[i],
			(unsigned long long)r->pager.windows[i]);
	if (r->options->pager_control)
		fprintf(out,
			"\nframes    %llu unmaps, %llu maps, %llu reloads, "
			"%llu reports",
			(unsigned long long)r->pager.unmaps,
			(unsigned long long)r->pager.maps,
			(unsigned long long)r->pager.reloads,
			(unsigned long long)r->vm.reports);
	fprintf(out, "\nslots     %u\nexits    ", r->vm.slots);
	for (unsigned i = 0; i < r->vm.nr_exits; i++)
		if (r->vm.exits[i])
			fprintf(out, " %s: %llu", exit_name(i),
				(unsigned long long)r->vm.exits[i]);
	ports_text(out, r->vm.ports);
	fprintf(out, "\nunclaimed ports: %llu mmio: %llu\n",
		(unsigned long long)r->vm.unclaimed_ports,
		(unsigned long long)r->vm.unclaimed_mmio);
	devices_text(out, r);
}

void report_json(FILE *out, const struct report *r)
{
	bool first = true;

	fprintf(out, "{\"status\":%d,\"boot\":\"%s\",\"pager\":\"%s\"",
		r->status, boot_protocol_name(r->protocol),
		pager_names[r->options->pager]);
	fprintf(out,
		",\"machine\":\"%s\",\"memory_bytes\":%llu,\"cpus\":%u"
		",\"phases_us\":{",
		machine_name(r->options->machine),
		(unsigned long long)r->options->memory, r->options->cpus);
	for (int i = PHASE_IMAGE; i < PHASES; i++) {
		double us = phase_us(r->timeline, (enum phase)i);

		fprintf(out, "%s\"%s\":", i == PHASE_IMAGE ? "" : ",",
			phase_names[i]);
		if (us < 0)
			fprintf(out, "null");
		else
			fprintf(out, "%.1f", us);
	}
	fprintf(out,
		"},\"pages\":%llu,\"pages_present\":%llu,"
		"\"pages_zeroed\":%llu,"
		"\"pages_discarded\":%llu,\"pages_debugger\":%llu,"
		"\"bytes_read\":%llu,"
		"\"faults\":%llu,\"faults_by_window\":{",
		(unsigned long long)r->pager.pages,
		(unsigned long long)r->pager.pages_present,
		(unsigned long long)r->pager.pages_zeroed,
		(unsigned long long)r->pager.pages_discarded,
		(unsigned long long)r->pager.pages_debugger,
		(unsigned long long)r->pager.bytes_read,
		(unsigned long long)r->pager.faults);
	for (int i = 0; i < 4; i++)
		fprintf(out, "%s\"%s\":%llu", i ? "," : "", window_names[i],
			(unsigned long long)r->pager.windows[i]);
	fprintf(out, "},\"slots\":%u,\"exits\":{", r->vm.slots);
	for (unsigned i = 0; i < r->vm.nr_exits; i++) {
		if (!r->vm.exits[i])
			continue;
		fprintf(out, "%s\"%s\":%llu", first ? "" : ",", exit_name(i),
			(unsigned long long)r->vm.exits[i]);
		first = false;
	}
	fprintf(out, "},\"unclaimed_ports\":%llu,\"unclaimed_mmio\":%llu",
		(unsigned long long)r->vm.unclaimed_ports,
		(unsigned long long)r->vm.unclaimed_mmio);
	ports_json(out, r->vm.ports);
	devices_json(out, r);
	if (r->options->pager_control)
		fprintf(out,
			",\"frames\":{\"unmaps\":%llu,\"maps\":%llu,"
			"\"reloads\":%llu,\"reports\":%llu}",
			(unsigned long long)r->pager.unmaps,
			(unsigned long long)r->pager.maps,
			(unsigned long long)r->pager.reloads,
			(unsigned long long)r->vm.reports);
	if (r->options->digest && *r->digest)
		fprintf(out, ",\"digest\":\"%s\"", r->digest);
	else if (r->options->digest)
		fprintf(out, ",\"digest\":null");
	fprintf(out, "}\n");
}

void report_boot_timer(FILE *out, const struct timeline *timeline)
{
	double ready = phase_us(timeline, PHASE_READY);

	fprintf(out, "first instruction after %.3f ms, ",
		phase_us(timeline, PHASE_FIRST) / 1e3);
	if (ready < 0)
		fprintf(out, "no ready marker\n");
	else
		fprintf(out, "ready after %.3f ms\n", ready / 1e3);
}
