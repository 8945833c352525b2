/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU is an NT_PRSTATUS, the thread; a note of QEMU's, the control registers;
 * and one of ours with what that one lacks (core_note.h). QEMU writes all threads
 * first, we vCPU after vCPU: the n-th of each kind belong together.
 */
#include "vmm/inspect/dump_notes.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/crash/core_note.h"

#define CS_L (UINT32_C(1) << 21)

/* Where pr_pid is: elf_prstatus of x86-64, of i386. */
enum {
	PID_AT_64 = 32,
	PID_AT_32 = 24
};

struct note {
	uint32_t type;
	const char *name;
	const uint8_t *desc;
	uint32_t name_len, desc_len;
};

static uint64_t padded(uint32_t len)
{
	return ((uint64_t)len + 3) & ~UINT64_C(3);
}

/* The note at *notes, which is moved on. False: there is none. */
static bool next_note(const uint8_t **notes, uint64_t *len, struct note *note)
{
	Elf64_Nhdr head; /* ELF32's is the same */
	uint64_t whole;

	if (*len < sizeof(head))
		return false;
	memcpy(&head, *notes, sizeof(head));
	whole = sizeof(head) + padded(head.n_namesz) + padded(head.n_descsz);
	if (whole > *len)
		return false;
	*note = (struct note){
		.type = head.n_type,
		.name = (const char *)*notes + sizeof(head),
		.desc = *notes + sizeof(head) + padded(head.n_namesz),
		.name_len = head.n_namesz,
		.desc_len = head.n_descsz,
	};
	*notes += whole;
	*len -= whole;
	return true;
}

static bool is_note(const struct note *note, const char *name, uint32_t type,
		    size_t at_least)
{
	size_t len = strlen(name) + 1;

	return note->type == type && note->name_len == len &&
	       !memcmp(note->name, name, len) && note->desc_len >= at_least;
}

/* The vCPU of that number in the file. NULL: out of memory. */
static struct dump_vcpu *vcpu_at(struct dump_vcpus *vcpus, size_t index)
{
	struct dump_vcpu *list = vcpus->list;

	if (index < vcpus->nr || index < vcpus->nr_threads)
		return &list[index];
	list = reallocarray(list, index + 1, sizeof(*list));
	if (!list)
		return NULL;
	vcpus->list = list;
	list[index] = (struct dump_vcpu){0};
	return &list[index];
}

/* Threads are numbered from 1 on. */
static int add_thread(struct dump_vcpus *vcpus, const struct note *note,
		      size_t pid_at)
{
	struct dump_vcpu *cpu = vcpu_at(vcpus, vcpus->nr_threads);
	uint32_t pid;

	if (!cpu)
		return -ENOMEM;
	memcpy(&pid, note->desc + pid_at, sizeof(pid));
	cpu->id = pid - 1;
	vcpus->nr_threads++;
	return 0;
}

static int add_registers(struct dump_vcpus *vcpus, const struct note *note)
{
	struct dump_vcpu *cpu = vcpu_at(vcpus, vcpus->nr);
	struct core_note_qemu state;

	if (!cpu)
		return -ENOMEM;
	memcpy(&state, note->desc, sizeof(state));
	cpu->cr0 = state.cr[0];
	cpu->cr3 = state.cr[3];
	cpu->cr4 = state.cr[4];
	cpu->long_code = state.cs.flags & CS_L;
	vcpus->nr++;
	return 0;
}

static void add_efer(struct dump_vcpu *cpu, const struct note *note)
{
	struct core_note_own own;

	memcpy(&own, note->desc, sizeof(own));
	cpu->efer = own.efer;
	cpu->efer_known = true;
}

int dump_notes_read(const uint8_t *notes, uint64_t len, bool elf64,
		    struct dump_vcpus *vcpus)
{
	size_t pid_at = elf64 ? PID_AT_64 : PID_AT_32;
	struct note note;
	int rc = 0;

	while (!rc && next_note(&notes, &len, &note)) {
		if (is_note(&note, "CORE", NT_PRSTATUS,
			    pid_at + sizeof(uint32_t)))
			rc = add_thread(vcpus, &note, pid_at);
		else if (is_note(&note, "QEMU", 0,
				 sizeof(struct core_note_qemu)))
			rc = add_registers(vcpus, &note);
		else if (vcpus->nr &&
			 is_note(&note, CORE_NOTE_OWN_NAME, CORE_NOTE_OWN_TYPE,
				 sizeof(struct core_note_own)))
			add_efer(&vcpus->list[vcpus->nr - 1], &note);
	}
	return rc;
}

void dump_vcpus_fini(struct dump_vcpus *vcpus)
{
	free(vcpus->list);
	*vcpus = (struct dump_vcpus){0};
}
