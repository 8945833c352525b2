/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818A. One idea: nothing happens between two looks at the clock. Its
 * divider chain is the host's clock plus a constant, and what the chip would
 * have done since somebody last looked (cmos_account) is a comparison of two
 * times: a second has passed, a period has passed, the alarm's time was in
 * between. A host timer exists only while an enabled interrupt is ahead that is
 * not pending already; a guest that just reads the time costs nothing.
 *
 * MC146818A data sheet (Motorola ADI-856): "Time, Calendar, and Alarm
 * locations", "Update cycle", "Dividers", "Registers". RAM: IBM PC/AT Technical
 * Reference (1985), 1-56 ff.; 0x30 to 0x35 and 0x5b to 0x5d as SeaBIOS and
 * coreboot read them.
 *
 * Left out: daylight saving (bit DSE), the square wave's pin, a day of the week
 * that does not fit the date, and the NMI mask (bit 7 of port 0x70): nobody
 * here sends an NMI.
 */
#include "vmm/devices/cmos.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "vmm/machine.h"

#define CRYSTAL_HZ    32768
#define SECONDS_A_DAY 86400

/* "Update cycle": UIP rises 244 us before a cycle of 1984 us, at whose end the
 * new second can be read. */
#define UPDATE_NS ((244 + 1984) * 1000)

enum cmos_register {
	SECONDS = 0x00,
	SECONDS_ALARM = 0x01,
	MINUTES = 0x02,
	MINUTES_ALARM = 0x03,
	HOURS = 0x04,
	HOURS_ALARM = 0x05,
	DAY_OF_WEEK = 0x06, /* Sunday: 1 */
	DAY_OF_MONTH = 0x07,
	MONTH = 0x08,
	YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,

	/* RAM from here on. */
	EQUIPMENT = 0x14,
	BASE_MEMORY = 0x15, /* KiB, 16 bits, little-endian as all of these */
	EXTENDED_MEMORY = 0x17,	     /* from 1 MiB on, KiB, 16 bits */
	CHECKSUM = 0x2e,	     /* of 0x10 to 0x2d; high byte first */
	EXTENDED_MEMORY_POST = 0x30, /* again, as counted at power-on */
	CENTURY = MACHINE_CMOS_CENTURY,
	MEMORY_16M = 0x34, /* from 16 MiB to 4 GiB, 64 KiB, 16 bits */
	MEMORY_4G = 0x5b,  /* from 4 GiB on, 64 KiB, 24 bits */
};

enum {
	A_UIP = 0x80,	   /* update in progress */
	A_DIVIDERS = 0x70, /* which crystal; 11x: reset */
	A_RESET = 0x60,	   /* both of these bits */
	A_DIVIDERS_32K = 0x20,
	A_RATE = 0x0f,
	A_RATE_1024HZ = 0x06,

	B_SET = 0x80, /* the clock stands, so that it may be set */
	B_24_HOURS = 0x02,
	B_BINARY = 0x04,
	/* Enables, at the places of their flags in register C: */
	PERIODIC = 0x40,
	ALARM = 0x20,
	UPDATE = 0x10,
	C_IRQ = 0x80,

	D_VALID = 0x80, /* the battery is good */

	HOUR_PM = 0x80,
	ANY = 0xc0, /* an alarm's byte with both bits matches always */

	EQUIPMENT_FPU = 0x02, /* no display, no mouse, no floppy */
};

#define FLAGS (PERIODIC | ALARM | UPDATE)
#define NEVER UINT64_MAX

/* The chain. */

static uint64_t cmos_now(const struct cmos *c)
{
	return c->alarm.now(c->alarm.ctx) + c->phase_ns;
}

static bool chain_is_reset(uint8_t a)
{
	return (a & A_RESET) == A_RESET;
}

/* Are the time's registers the guest's to set? */
static bool clock_stands(const struct cmos *c)
{
	return c->bytes[REG_B] & B_SET || chain_is_reset(c->bytes[REG_A]);
}

/* Crystal ticks per periodic interrupt; 0: none. */
static unsigned cmos_period(const struct cmos *c)
{
	unsigned rate = c->bytes[REG_A] & A_RATE;

	if (!rate || chain_is_reset(c->bytes[REG_A]))
		return 0;
	return rate <= 2 ? 64u << rate : 1u << (rate - 1);
}

static uint64_t ns_to_ticks(uint64_t ns)
{
	return ns / NS_PER_S * CRYSTAL_HZ +
	       ns % NS_PER_S * CRYSTAL_HZ / NS_PER_S;
}

/* When the tick has come, hence up. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
	return ticks / CRYSTAL_HZ * NS_PER_S +
	       (ticks % CRYSTAL_HZ * NS_PER_S + CRYSTAL_HZ - 1) / CRYSTAL_HZ;
}

/* Numbers in registers. */

static uint8_t encode(const struct cmos *c, unsigned n)
{
	if (c->bytes[REG_B] & B_BINARY)
		return (uint8_t)n;
	return (uint8_t)(n / 10 % 10 << 4 | n % 10);
}

static unsigned decode(const struct cmos *c, uint8_t byte)
{
	if (c->bytes[REG_B] & B_BINARY)
		return byte;
	return (byte >> 4) * 10u + (byte & 0x0f);
}

static uint8_t encode_hour(const struct cmos *c, unsigned hour)
{
	if (c->bytes[REG_B] & B_24_HOURS)
		return encode(c, hour);
	return encode(c, hour % 12 ? hour % 12 : 12) |
	       (hour >= 12 ? HOUR_PM : 0);
}

static unsigned decode_hour(const struct cmos *c, uint8_t byte)
{
	if (c->bytes[REG_B] & B_24_HOURS)
		return decode(c, byte);
	return decode(c, byte & (uint8_t)~HOUR_PM) % 12 +
	       (byte & HOUR_PM ? 12 : 0);
}

/* The time of day. */

static void load_time(struct cmos *c)
{
	time_t seconds = (time_t)(cmos_now(c) / NS_PER_S) + c->ahead_s;
	struct tm tm;
	unsigned year;

	gmtime_r(&seconds, &tm);
	year = (unsigned)tm.tm_year + 1900;
	c->bytes[SECONDS] = encode(c, (unsigned)tm.tm_sec);
	c->bytes[MINUTES] = encode(c, (unsigned)tm.tm_min);
	c->bytes[HOURS] = encode_hour(c, (unsigned)tm.tm_hour);
	c->bytes[DAY_OF_WEEK] = encode(c, (unsigned)tm.tm_wday + 1);
	c->bytes[DAY_OF_MONTH] = encode(c, (unsigned)tm.tm_mday);
	c->bytes[MONTH] = encode(c, (unsigned)tm.tm_mon + 1);
	c->bytes[YEAR] = encode(c, year % 100);
	c->bytes[CENTURY] = encode(c, year / 100);
}

/* Whatever the guest has written: timegm carries a 61st second and a 13th
 * month. */
static void store_time(struct cmos *c)
{
	struct tm tm = {
		.tm_sec = (int)decode(c, c->bytes[SECONDS]),
		.tm_min = (int)decode(c, c->bytes[MINUTES]),
		.tm_hour = (int)decode_hour(c, c->bytes[HOURS]),
		.tm_mday = (int)decode(c, c->bytes[DAY_OF_MONTH]),
		.tm_mon = (int)decode(c, c->bytes[MONTH]) - 1,
		.tm_year = (int)(decode(c, c->bytes[CENTURY]) * 100 +
				 decode(c, c->bytes[YEAR])) -
			   1900,
	};

	c->ahead_s = timegm(&tm) - (int64_t)(cmos_now(c) / NS_PER_S);
}

static bool is_time(uint8_t reg)
{
	return (reg <= YEAR && reg != SECONDS_ALARM && reg != MINUTES_ALARM &&
		reg != HOURS_ALARM) ||
	       reg == CENTURY;
}

/* The first second after the chain's time `from` at which the alarm's bytes
 * match, in the chain's time; NEVER for bytes that are no time of day. */
static uint64_t next_alarm(const struct cmos *c, uint64_t from)
{
	const uint8_t *b = c->bytes;
	bool any_s = (b[SECONDS_ALARM] & ANY) == ANY;
	bool any_m = (b[MINUTES_ALARM] & ANY) == ANY;
	bool any_h = (b[HOURS_ALARM] & ANY) == ANY;
	unsigned s = decode(c, b[SECONDS_ALARM]);
	unsigned m = decode(c, b[MINUTES_ALARM]);
	unsigned h = decode_hour(c, b[HOURS_ALARM]);
	uint64_t start = from / NS_PER_S + 1;
	int64_t first = ((int64_t)start + c->ahead_s) % SECONDS_A_DAY;

	if ((!any_s && s > 59) || (!any_m && m > 59) || (!any_h && h > 23))
		return NEVER;
	if (first < 0) /* before 1970 */
		first += SECONDS_A_DAY;
	/* In strides as long as the coarsest field that does not match. */
	for (unsigned ahead = 0; ahead < SECONDS_A_DAY;) {
		unsigned t = ((unsigned)first + ahead) % SECONDS_A_DAY;

		if (!any_h && t / 3600 != h)
			ahead += 3600 - t % 3600;
		else if (!any_m && t / 60 % 60 != m)
			ahead += 60 - t % 60;
		else if (!any_s && t % 60 != s)
			ahead++;
		else
			return (start + ahead) * NS_PER_S;
	}
	return NEVER;
}

/* Flags, and the line. */

/* What has happened since the last look. */
static void cmos_account(struct cmos *c)
{
	uint64_t from = c->seen_ns, to = cmos_now(c);
	unsigned period = cmos_period(c);

	c->seen_ns = to;
	if (to <= from) /* the host's clock was put back */
		return;
	if (period && ns_to_ticks(to) / period != ns_to_ticks(from) / period)
		c->bytes[REG_C] |= PERIODIC;
	if (clock_stands(c) || to / NS_PER_S == from / NS_PER_S)
		return;
	c->bytes[REG_C] |= UPDATE;
	if (next_alarm(c, from) <= to)
		c->bytes[REG_C] |= ALARM;
}

/* The chain's time of the first enabled interrupt. */
static uint64_t next_interrupt(const struct cmos *c)
{
	uint8_t enabled = c->bytes[REG_B] & FLAGS;
	unsigned period = cmos_period(c);
	uint64_t at, first = NEVER;

	if (enabled & PERIODIC && period)
		first = ticks_to_ns((ns_to_ticks(c->seen_ns) / period + 1) *
				    period);
	if (clock_stands(c))
		return first;
	at = (c->seen_ns / NS_PER_S + 1) * NS_PER_S;
	if (enabled & UPDATE && at < first)
		first = at;
	at = enabled & ALARM ? next_alarm(c, c->seen_ns) : NEVER;
	return at < first ? at : first;
}

/* Line and alarm to what the registers say. */
static void cmos_drive(struct cmos *c)
{
	bool level = c->bytes[REG_B] & c->bytes[REG_C] & FLAGS;
	uint64_t next = level ? NEVER : next_interrupt(c);
	uint64_t at = next == NEVER ? 0 : next - c->phase_ns;

	if (level != c->level) {
		c->level = level;
		irq_set(&c->irq, level);
	}
	if (at != c->alarm_set) {
		c->alarm_set = at;
		c->alarm.set(c->alarm.ctx, at);
	}
}

/* Ports. */

static uint8_t cmos_read(struct cmos *c)
{
	uint8_t reg = c->index % CMOS_BYTES;
	uint8_t val;

	switch (reg) {
	case REG_A:
		val = c->bytes[REG_A];
		if (!clock_stands(c) &&
		    c->seen_ns % NS_PER_S >= NS_PER_S - UPDATE_NS)
			val |= A_UIP;
		return val;
	case REG_C:
		val = c->bytes[REG_C] | (c->level ? C_IRQ : 0);
		c->bytes[REG_C] = 0;
		return val;
	case REG_D:
		return D_VALID;
	default:
		if (is_time(reg) && !clock_stands(c))
			load_time(c);
		return c->bytes[reg];
	}
}

/* A control register, at which the clock may come to a stand or go on: then the
 * time moves into the registers, in the format that was, or out of them, in the
 * format that is. */
static void cmos_write_control(struct cmos *c, enum cmos_register reg,
			       uint8_t val)
{
	bool stood = clock_stands(c);
	bool was_reset = chain_is_reset(c->bytes[REG_A]);

	if (!stood)
		load_time(c);
	if (reg == REG_A)
		val &= (uint8_t)~A_UIP;
	else if (val & B_SET) /* "SET ... clears UIE" */
		val &= (uint8_t)~UPDATE;
	c->bytes[reg] = val;
	if (was_reset && !chain_is_reset(c->bytes[REG_A])) {
		/* "The first update cycle begins one-half second later." */
		c->phase_ns += NS_PER_S + NS_PER_S / 2 - cmos_now(c) % NS_PER_S;
		c->seen_ns = cmos_now(c);
	}
	if (stood && !clock_stands(c))
		store_time(c);
}

static void cmos_write(struct cmos *c, uint8_t val)
{
	uint8_t reg = c->index % CMOS_BYTES;

	switch (reg) {
	case REG_A:
	case REG_B:
		cmos_write_control(c, reg, val);
		break;
	case REG_C: /* read-only */
	case REG_D:
		break;
	default:
		if (is_time(reg) && !clock_stands(c)) {
			load_time(c);
			c->bytes[reg] = val;
			store_time(c);
		} else {
			c->bytes[reg] = val;
		}
	}
}

void cmos_access(void *ctx, uint64_t offset, void *data, unsigned len,
		 enum bus_dir dir)
{
	struct cmos *c = ctx;
	uint8_t *bytes = data;

	for (unsigned i = 0; i < len; i++) {
		bool is_data = (offset + i) % CMOS_PORTS;

		pthread_mutex_lock(&c->lock);
		cmos_account(c);
		if (dir == BUS_READ)
			/* The index cannot be read back. */
			bytes[i] = is_data ? cmos_read(c) : 0xff;
		else if (is_data)
			cmos_write(c, bytes[i]);
		else
			c->index = bytes[i];
		cmos_drive(c);
		pthread_mutex_unlock(&c->lock);
	}
}

void cmos_expired(struct cmos *c)
{
	pthread_mutex_lock(&c->lock);
	/* Spent: where it came early, it is to be set again. */
	c->alarm_set = 0;
	cmos_account(c);
	cmos_drive(c);
	pthread_mutex_unlock(&c->lock);
}

static void put(struct cmos *c, unsigned at, unsigned bytes, uint64_t n)
{
	uint64_t max = (UINT64_C(1) << 8 * bytes) - 1;

	if (n > max)
		n = max;
	for (unsigned i = 0; i < bytes; i++)
		c->bytes[at + i] = (uint8_t)(n >> 8 * i);
}

static void put_checksum(struct cmos *c)
{
	unsigned sum = 0;

	for (unsigned i = 0x10; i < CHECKSUM; i++)
		sum += c->bytes[i];
	c->bytes[CHECKSUM] = (uint8_t)(sum >> 8);
	c->bytes[CHECKSUM + 1] = (uint8_t)sum;
}

/* How much of it lies from this address on. */
static uint64_t beyond(uint64_t bytes, uint64_t address)
{
	return bytes > address ? bytes - address : 0;
}

void cmos_set_memory(struct cmos *c, uint64_t low, uint64_t high)
{
	const uint64_t kib = 1 << 10, mib = 1 << 20;

	put(c, BASE_MEMORY, 2, low < 640 * kib ? low / kib : 640);
	put(c, EXTENDED_MEMORY, 2, beyond(low, mib) / kib);
	put(c, EXTENDED_MEMORY_POST, 2, beyond(low, mib) / kib);
	put(c, MEMORY_16M, 2, beyond(low, 16 * mib) / (64 * kib));
	put(c, MEMORY_4G, 3, high / (64 * kib));
	put_checksum(c);
}

void cmos_init(struct cmos *c, struct irq_line irq, struct alarm alarm)
{
	/* gmtime_r reads the time zone's file when first called, even though it
	 * has no use for it. Later the sandbox forbids that. */
	tzset();
	*c = (struct cmos){.irq = irq, .alarm = alarm};
	c->bytes[REG_A] = A_DIVIDERS_32K | A_RATE_1024HZ;
	c->bytes[REG_B] = B_24_HOURS;
	c->bytes[EQUIPMENT] = EQUIPMENT_FPU;
	c->seen_ns = cmos_now(c);
	put_checksum(c);
	pthread_mutex_init(&c->lock, NULL);
}

void cmos_fini(struct cmos *c)
{
	pthread_mutex_destroy(&c->lock);
}
