/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a port: VMCALL does not reach user space on every KVM, an OUT does. Its
 * exit leaves the vCPU after the instruction (KVM completes it), so the result
 * goes to RAX by KVM_SET_REGS.
 */
#include "vmm/xen_exit.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/crash/registers.h"

int xen_exit_enable(int vm_fd)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = {KVM_MSR_EXIT_REASON_FILTER},
	};
	uint8_t denied[8] = {0}; /* a bit per register; KVM reads a long */
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] =
			{
				.flags = KVM_MSR_FILTER_READ |
					 KVM_MSR_FILTER_WRITE,
				.nmsrs = 1,
				.base = XEN_MSR_HYPERCALL_PAGE,
				.bitmap = denied,
			},
	};

	if (ioctl(vm_fd, KVM_ENABLE_CAP, &cap) ||
	    ioctl(vm_fd, KVM_X86_SET_MSR_FILTER, &filter))
		return errno == EINVAL || errno == ENOTTY ? -ENOTSUP : -errno;
	return 0;
}

/* A page that does not lie in RAM is a #GP, as from Xen. */
static bool install_page(const struct xen_env *env, uint64_t value)
{
	uint8_t page[XEN_PAGE_BYTES];

	xen_fill_page(page);
	return !(value & PAGE_MASK) &&
	       memory_has(env->memory, value, sizeof(page)) &&
	       !pager_load(env->pager, value, sizeof(page)) &&
	       !memory_write(env->memory, value, page, sizeof(page));
}

void xen_exit_msr(const struct xen_env *env, struct kvm_run *run)
{
	if (run->exit_reason == KVM_EXIT_X86_RDMSR)
		run->msr.data = 0;
	else if (!install_page(env, run->msr.data))
		run->msr.error = 1;
}

/* What a hypercall of one vCPU acts on. */
struct caller {
	const struct xen_env *env;
	int fd;
};

/* Where the next bytes at gva are, and how many of them lie together; 0: not
 * mapped, or not in RAM. */
static size_t locate(const struct caller *caller, gva_t gva, size_t len,
		     gpa_t *gpa)
{
	const struct xen_env *env = caller->env;
	struct kvm_translation tr = {.linear_address = gva};
	size_t part = PAGE_SIZE - (gva & PAGE_MASK);

	part = part < len ? part : len;
	if (ioctl(caller->fd, KVM_TRANSLATE, &tr) || !tr.valid ||
	    !memory_has(env->memory, tr.physical_address, part) ||
	    pager_load(env->pager, tr.physical_address, part))
		return 0;
	*gpa = tr.physical_address;
	return part;
}

static size_t read_guest(void *ctx, gva_t gva, void *buf, size_t len)
{
	const struct caller *caller = ctx;
	size_t n = 0, part;
	gpa_t gpa;

	while (n < len && (part = locate(caller, gva + n, len - n, &gpa))) {
		if (memory_read(caller->env->memory, gpa, (char *)buf + n,
				part))
			break;
		n += part;
	}
	return n;
}

static size_t write_guest(void *ctx, gva_t gva, const void *buf, size_t len)
{
	const struct caller *caller = ctx;
	size_t n = 0, part;
	gpa_t gpa;

	while (n < len && (part = locate(caller, gva + n, len - n, &gpa))) {
		if (memory_write(caller->env->memory, gpa,
				 (const char *)buf + n, part))
			break;
		n += part;
	}
	return n;
}

static bool print(void *ctx, const uint8_t *bytes, size_t len)
{
	const struct xen_env *env = ((const struct caller *)ctx)->env;

	if (stop_asked(env->stop))
		return false;
	env->print(env->ctx, bytes, len);
	return true;
}

bool xen_exit_is_hypercall(const struct xen_env *env, const struct kvm_run *run)
{
	return env->enabled && run->io.port == XEN_PORT_HYPERCALL &&
	       run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 4 &&
	       run->io.count == 1;
}

int xen_exit_hypercall(const struct xen_env *env, int vcpu_fd,
		       enum xen_end *end)
{
	struct caller caller = {env, vcpu_fd};
	struct xen_guest guest = {read_guest, write_guest, print, &caller};
	struct xen_call call;
	struct kvm_sregs s;
	struct kvm_regs r;

	if (ioctl(vcpu_fd, KVM_GET_REGS, &r) ||
	    ioctl(vcpu_fd, KVM_GET_SREGS, &s))
		return -errno;
	if (s.cs.l)
		call = (struct xen_call){.args = {r.rdi, r.rsi, r.rdx}};
	else
		call = (struct xen_call){
			.args = {(uint32_t)r.rbx, (uint32_t)r.rcx,
				 (uint32_t)r.rdx},
		};
	call.number = (uint32_t)r.rax;
	call.cpl = registers_cpl(&s);
	r.rax = (uint64_t)xen_hypercall(&call, &guest, end);
	if (!s.cs.l)
		r.rax = (uint32_t)r.rax;
	return ioctl(vcpu_fd, KVM_SET_REGS, &r) ? -errno : 0;
}
