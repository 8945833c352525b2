/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 82093AA I/O APIC. One idea: a pin and its 64-bit redirection entry make a
 * message; a level-triggered pin sends it whenever the line is high, the entry
 * unmasked and Remote IRR clear (ioapic_service), an edge-triggered pin when
 * the line rises.
 *
 * 82093AA datasheet (Intel 290566) 3.0 to 3.2; EOI register: any ICH datasheet,
 * APIC_EOIR; messages: SDM 3A 11.11 "Message Signalled Interrupts". Remote IRR
 * and EOI: SDM 3A 11.8.5.
 *
 * Left out: polarity (devices here say whether a line is asserted, not whether
 * it is high; the bit is kept and has no effect), delivery status (messages
 * never wait: reads as idle), ExtINT's vector (no 8259A behind this chip),
 * destinations beyond 8 bits (interrupt remapping's business), a brake on
 * level-triggered storms: each round trip is an exit, and the VM stays
 * stoppable.
 */
#include "vmm/devices/ioapic.h"

#include <assert.h>
#include <string.h>

enum {
	/* In the MMIO page. */
	IOREGSEL = 0x00,
	IOWIN = 0x10,
	EOIR = 0x40,

	/* Behind IOREGSEL. */
	IOAPICID = 0x00,
	IOAPICVER = 0x01,
	IOAPICARB = 0x02,
	IOREDTBL = 0x10,

	/*
	 * The 82093AA says 0x11 and has no EOI register; 0x20 means there is
	 * one. KVM's local APIC offers directed EOI (SVR bit 12) to the guest
	 * of a split irqchip, and a guest that takes it up ends its level
	 * interrupts here: Linux and Xen only where the version is 0x20 or
	 * more, Windows without looking. So have the register and say so.
	 */
	VERSION = 0x20,
};

#define RTE_VECTOR     UINT64_C(0xff)
#define RTE_DELMOD     UINT64_C(0x700)
#define RTE_DELMOD_LOW UINT64_C(0x100)
#define RTE_DESTMOD    UINT64_C(0x800)
#define RTE_INTPOL     UINT64_C(0x2000)
#define RTE_REMOTE_IRR UINT64_C(0x4000)
#define RTE_LEVEL      UINT64_C(0x8000)
#define RTE_MASK       UINT64_C(0x10000)
#define RTE_DEST_SHIFT 56
#define RTE_DEST       (UINT64_C(0xff) << RTE_DEST_SHIFT)
#define RTE_READ_WRITE                                                    \
	(RTE_VECTOR | RTE_DELMOD | RTE_DESTMOD | RTE_INTPOL | RTE_LEVEL | \
	 RTE_MASK | RTE_DEST)

/* SDM 3A 11.11.1 and 11.11.2. */
#define MSI_ADDR	      0xfee00000u
#define MSI_ADDR_DEST_SHIFT   12
#define MSI_ADDR_LOGICAL      0x4u
#define MSI_DATA_LEVEL_ASSERT 0x4000u
#define MSI_DATA_LEVEL	      0x8000u

/*
 * Level-triggered in effect: only Fixed and Lowest Priority interrupts are
 * ever ended by an EOI; SMI, NMI, INIT and ExtINT count as edges whatever the
 * entry says, or the pin would wait for ever.
 */
static bool rte_is_level(uint64_t rte)
{
	return rte & RTE_LEVEL && (rte & RTE_DELMOD) <= RTE_DELMOD_LOW;
}

static struct ioapic_message rte_message(uint64_t rte)
{
	struct ioapic_message m = {
		.addr = MSI_ADDR | (uint32_t)(rte >> RTE_DEST_SHIFT)
					   << MSI_ADDR_DEST_SHIFT,
		/* Delivery mode sits in the same bits in both formats. */
		.data = rte & (RTE_VECTOR | RTE_DELMOD),
	};

	if (rte & RTE_DESTMOD)
		m.addr |= MSI_ADDR_LOGICAL;
	if (rte_is_level(rte))
		m.data |= MSI_DATA_LEVEL | MSI_DATA_LEVEL_ASSERT;
	return m;
}

static void ioapic_send(struct ioapic *io, unsigned pin)
{
	struct ioapic_message m = rte_message(io->redirection[pin]);

	io->msi(io->ctx, m.addr, m.data);
}

/* Sends what a level-triggered pin has to say now. Lock held. */
static void ioapic_service(struct ioapic *io, unsigned pin)
{
	uint64_t *rte = &io->redirection[pin];

	if (!rte_is_level(*rte) || *rte & (RTE_MASK | RTE_REMOTE_IRR) ||
	    !((io->level & ~io->routing) >> pin & 1))
		return;
	*rte |= RTE_REMOTE_IRR;
	ioapic_send(io, pin);
}

void ioapic_set(void *ctx, unsigned pin, bool level)
{
	struct ioapic *io = ctx;
	uint32_t bit = UINT32_C(1) << pin;
	uint64_t rte;
	bool rose;

	assert(pin < IOAPIC_PINS);
	pthread_mutex_lock(&io->lock);
	rose = level && !(io->level & bit);
	io->level = level ? io->level | bit : io->level & ~bit;
	rte = io->redirection[pin];
	/*
	 * "Edge-sensitive interrupts signaled on a masked interrupt pin are
	 * ignored (i.e., not delivered or held pending)", 82093AA 3.2.4, and
	 * so do QEMU's and KVM's. Drivers know: Linux's 8250 and Xen's ns16550
	 * unmask first and enable the chip's sources after.
	 */
	if (rte_is_level(rte))
		ioapic_service(io, pin);
	else if (rose && !(rte & RTE_MASK))
		ioapic_send(io, pin);
	pthread_mutex_unlock(&io->lock);
}

/* Lock held. */
static void ioapic_end(struct ioapic *io, uint8_t vector)
{
	unsigned pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *rte = &io->redirection[pin];

		if (!rte_is_level(*rte) || (*rte & RTE_VECTOR) != vector)
			continue;
		*rte &= ~RTE_REMOTE_IRR;
		ioapic_service(io, pin);
	}
}

void ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
	pthread_mutex_lock(&ioapic->lock);
	ioapic_end(ioapic, vector);
	pthread_mutex_unlock(&ioapic->lock);
}

/* Tells route() what changed, if anything. Lock held; dropped meanwhile. */
static void ioapic_reroute(struct ioapic *io, unsigned pin)
{
	uint64_t rte = io->redirection[pin];
	struct ioapic_message *old = &io->routed[pin], m = {0, 0};
	bool active = rte_is_level(rte);

	if (rte & RTE_MASK)
		return;
	if (active)
		m = rte_message(rte);
	if (m.addr == old->addr && m.data == old->data)
		return;
	if (!io->route) {
		*old = m;
		return;
	}
	/* The route before the message, or the message's EOI goes unseen. The
	 * pin keeps still: with the lock free another thread may raise it. */
	io->routing |= UINT32_C(1) << pin;
	if (active) {
		*old = m;
	} else {
		m = *old;
		*old = (struct ioapic_message){0, 0};
	}
	pthread_mutex_unlock(&io->lock);
	io->route(io->ctx, pin, active, m.addr, m.data);
	pthread_mutex_lock(&io->lock);
	io->routing &= ~(UINT32_C(1) << pin);
}

static void ioapic_write_rte(struct ioapic *io, unsigned reg, uint32_t val)
{
	unsigned pin = (reg - IOREDTBL) / 2;
	unsigned shift = reg & 1 ? 32 : 0;
	uint64_t *rte = &io->redirection[pin], new;

	new = *rte & ~(UINT64_C(0xffffffff) << shift);
	new |= (uint64_t)val << shift;
	/*
	 * Remote IRR is read-only but goes when the entry turns to edge: the
	 * way in which Linux and Xen end an interrupt on chips without an EOI
	 * register. Delivery status is read-only and always idle.
	 */
	*rte = (new &RTE_READ_WRITE) |
	       (rte_is_level(new) ? *rte & RTE_REMOTE_IRR : 0);
	ioapic_reroute(io, pin);
	ioapic_service(io, pin);
}

static bool reg_is_rte(uint8_t reg)
{
	return reg >= IOREDTBL && reg < IOREDTBL + 2 * IOAPIC_PINS;
}

static uint32_t ioapic_read_window(const struct ioapic *io)
{
	uint8_t reg = io->select;

	if (reg_is_rte(reg))
		return io->redirection[(reg - IOREDTBL) / 2] >>
		       (reg & 1 ? 32 : 0);
	switch (reg) {
	case IOAPICID:
	case IOAPICARB: /* loaded with the ID whenever that is written */
		return (uint32_t)io->id << 24;
	case IOAPICVER:
		return VERSION | (IOAPIC_PINS - 1) << 16;
	default:
		return 0;
	}
}

static void ioapic_write_window(struct ioapic *io, uint32_t val)
{
	if (reg_is_rte(io->select))
		ioapic_write_rte(io, io->select, val);
	else if (io->select == IOAPICID)
		io->id = val >> 24 & 0xf;
}

/*
 * Registers take aligned 32-bit accesses. Wider ones are taken for their low
 * half; narrower reads see the low bytes. A narrow write selects, since the
 * select register has eight bits, and does nothing elsewhere: half an entry
 * would be worse than none.
 */
void ioapic_access(void *ctx, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir)
{
	struct ioapic *io = ctx;
	size_t n = len < sizeof(uint32_t) ? len : sizeof(uint32_t);
	uint32_t val = 0;

	pthread_mutex_lock(&io->lock);
	if (dir == BUS_READ) {
		if (offset == IOREGSEL)
			val = io->select;
		else if (offset == IOWIN)
			val = ioapic_read_window(io);
		memset(data, 0, len);
		memcpy(data, &val, n);
	} else {
		memcpy(&val, data, n);
		if (offset == IOREGSEL)
			io->select = val;
		else if (offset == IOWIN && n == sizeof(val))
			ioapic_write_window(io, val);
		else if (offset == EOIR && n == sizeof(val))
			ioapic_end(io, val);
	}
	pthread_mutex_unlock(&io->lock);
}

void ioapic_init(struct ioapic *ioapic, ioapic_msi_fn msi,
		 ioapic_route_fn route, void *ctx)
{
	unsigned pin;

	memset(ioapic, 0, sizeof(*ioapic));
	ioapic->msi = msi;
	ioapic->route = route;
	ioapic->ctx = ctx;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->redirection[pin] = RTE_MASK;
	pthread_mutex_init(&ioapic->lock, NULL);
}

void ioapic_fini(struct ioapic *ioapic)
{
	pthread_mutex_destroy(&ioapic->lock);
}
