/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/gdb/protocol: what a client says and is answered, with a machine that
 * stands in (gdb_help.h), which aborts where a promise to it is broken.
 */
#define _GNU_SOURCE
#include "vmm/gdb/protocol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/gdb_help.h"
#include "vmm/gdb/hex.h"

static struct fake fake;
static struct protocol protocol;

/* A client's packet. */
static void say_bytes(const char *body, size_t len)
{
	static char wire[PACKET_WRAPPED(PACKET_MAX)];

	protocol_input(&protocol, (const uint8_t *)wire,
		       packet_wrap(wire, body, len));
}

static void say(const char *body)
{
	say_bytes(body, strlen(body));
}

static void forget(void)
{
	fake.sent_len = 0;
	fake.sent[0] = '\0';
}

static void begin(void)
{
	fake_init(&fake);
	protocol_init(&protocol, &fake.target, fake_send, &fake);
	say("QStartNoAckMode");
	forget();
}

static void set_up(void)
{
	begin();
}

static void tear_down(void)
{
	protocol_fini(&protocol);
}

/* The packet, and nothing else, was sent since the last look. */
static void sent(const char *body)
{
	char wire[4096];
	size_t len = packet_wrap(wire, body, strlen(body));

	wire[len] = '\0';
	ck_assert_str_eq(fake.sent, wire);
	forget();
}

static void answers(const char *question, const char *answer)
{
	say(question);
	sent(answer);
}

START_TEST(whole_packet_makes_a_debugger)
{
	fake_init(&fake);
	fake.running = true;
	protocol_init(&protocol, &fake.target, fake_send, &fake);
	protocol_input(&protocol, (const uint8_t *)"GET / HTTP/1.0\r\n\r\n",
		       18);
	protocol_input(&protocol, (const uint8_t *)"\x03+++$?#00", 9);
	ck_assert_uint_eq(fake.interrupts, 0);
	ck_assert_str_eq(fake.sent, "-");
	forget();
	say("?");
	ck_assert_uint_eq(fake.interrupts, 1);
	ck_assert_str_eq(fake.sent, "+$T05thread:1;#d7");
}
END_TEST

START_TEST(connection_without_a_packet_leaves_the_guest_alone)
{
	fake_init(&fake);
	protocol_init(&protocol, &fake.target, fake_send, &fake);
	protocol_input(&protocol, (const uint8_t *)"$c#64", 5);
	protocol_fini(&protocol);
	ck_assert_uint_eq(fake.interrupts + fake.detaches + fake.resumes, 0);
}
END_TEST

START_TEST(end_of_the_connection_lets_the_guest_go)
{
	say("?");
	protocol_fini(&protocol);
	ck_assert_uint_eq(fake.detaches, 1);
	protocol_fini(&protocol);
	ck_assert_uint_eq(fake.detaches, 1);
}
END_TEST

START_TEST(unknown_packets_get_the_empty_answer)
{
	static const char *const unknown[] = {
		"vMustReplyEmpty",
		"qTStatus",
		"qCRC:0,1",
		"",
		"!",
		"R00",
		"qSymbol::",
		"vFile:open:",
		"QNonStop:1",
		"i",
		"\x80\xff",
		"qXfer:memory-map:read::0,100",
		"vContX",
		"qThread",
		"~",
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		answers(unknown[i], "");
}
END_TEST

START_TEST(features_are_what_there_is)
{
	answers("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386",
		"PacketSize=4000;qXfer:features:read+;QStartNoAckMode+;"
		"swbreak+;hwbreak+;vContSupported+");
	answers("vCont?", "vCont;c;C;s;S");
	answers("qAttached", "1");
	answers("qC", "QC1");
}
END_TEST

START_TEST(broken_packets_are_asked_for_again)
{
	begin();
	protocol.no_ack = false;
	protocol_input(&protocol, (const uint8_t *)"$qC#b5", 6);
	ck_assert_str_eq(fake.sent, "-");
	forget();
	protocol_input(&protocol, (const uint8_t *)"$qC#b4", 6);
	ck_assert_str_eq(fake.sent, "+$QC1#c5");
	forget();
	protocol_input(&protocol, (const uint8_t *)"-", 1);
	ck_assert_str_eq(fake.sent, "$QC1#c5");
	forget();
	protocol_input(&protocol, (const uint8_t *)"+", 1);
	ck_assert_str_eq(fake.sent, "");
}
END_TEST

START_TEST(packet_beyond_the_limit_is_an_error)
{
	static char body[PACKET_MAX + 2];
	static char wire[PACKET_WRAPPED(sizeof(body))];

	memset(body, 'm', sizeof(body));
	protocol_input(&protocol, (const uint8_t *)wire,
		       packet_wrap(wire, body, sizeof(body)));
	sent("E22");
	answers("qC", "QC1");
}
END_TEST

/* Registers. */

START_TEST(registers_are_read_and_written_one_by_one)
{
	fake.regs[0].general[GPR_RAX] = 0x1122334455667788;
	fake.regs[0].rip = 0xffffffff80100000;
	fake.regs[0].rflags = 0x246;
	answers("p0", "8877665544332211");
	answers("p10", "00001080ffffffff");
	answers("p11", "46020000");
	answers("P0=0100000000000000", "OK");
	ck_assert_uint_eq(fake.regs[0].general[GPR_RAX], 1);
	answers("P11=02000000", "OK");
	ck_assert_uint_eq(fake.regs[0].rflags, 2);
}
END_TEST

START_TEST(all_registers_at_once_and_back)
{
	size_t bytes = regs_bytes(REGS_64);
	char *packet = calloc(1, 2 * bytes + 2);
	struct regs before;

	memset(&fake.regs[0], 0x5a, sizeof(fake.regs[0]));
	fake.regs[0].rflags = 0x5a5a5a5a; /* gdb has 32 bits of it */
	before = fake.regs[0];
	say("g");
	ck_assert_uint_eq(fake.sent_len, 2 * bytes + 4);
	packet[0] = 'G';
	memcpy(packet + 1, fake.sent + 1, 2 * bytes);
	forget();
	memset(&fake.regs[0], 0, sizeof(fake.regs[0]));
	answers(packet, "OK");
	ck_assert_mem_eq(&fake.regs[0].general, &before.general,
			 sizeof(before.general));
	ck_assert_mem_eq(&fake.regs[0].st, &before.st, sizeof(before.st));
	ck_assert_mem_eq(&fake.regs[0].xmm, &before.xmm, sizeof(before.xmm));
	ck_assert_uint_eq(fake.regs[0].rip, before.rip);
	ck_assert_uint_eq(fake.regs[0].rflags, before.rflags);
	ck_assert_uint_eq(fake.regs[0].efer, before.efer);
	/* One digit too few, one too many. */
	packet[2 * bytes] = '\0';
	answers(packet, "E22");
	memcpy(packet + 2 * bytes, "0", 2);
	packet = realloc(packet, 2 * bytes + 4);
	strcat(packet, "0");
	answers(packet, "E22");
	free(packet);
}
END_TEST

START_TEST(registers_that_are_not_there_are_errors)
{
	static const char *const bad[] = {
		"p",
		"p1000",
		"pffffffffffffffff",
		"p10000000000000000",
		"pzz",
		"p0;",
		"P",
		"P0",
		"P0=",
		"P0=00",
		"P0=zz00000000000000",
		"P0=00000000000000000",
		"Pfff=00",
		"P=00",
		"G",
		"G00",
		"Gzz",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		answers(bad[i], "E22");
	fake.set_regs_rc = -EINVAL;
	answers("P0=0000000000000000", "E22");
}
END_TEST

START_TEST(description_has_a_register_for_each_in_the_packet)
{
	for (int layout = 0; layout < REGS_LAYOUTS; layout++) {
		char *xml = regs_describe((enum regs_layout)layout);
		const char *at = xml;
		size_t bits = 0;
		unsigned nr = 0;

		ck_assert_ptr_nonnull(xml);
		while ((at = strstr(at, "bitsize=\""))) {
			at += strlen("bitsize=\"");
			bits += strtoul(at, NULL, 10);
			nr++;
		}
		ck_assert_uint_eq(nr, regs_count((enum regs_layout)layout));
		ck_assert_uint_eq(bits,
				  8 * regs_bytes((enum regs_layout)layout));
		free(xml);
	}
}
END_TEST

START_TEST(description_comes_in_parts)
{
	char *xml = regs_describe(REGS_64), *whole = calloc(1, 32768);
	char question[64];
	size_t at = 0;
	bool more = true;

	while (more) {
		snprintf(question, sizeof(question),
			 "qXfer:features:read:target.xml:%zx,1ff", at);
		say(question);
		ck_assert(fake.sent[1] == 'm' || fake.sent[1] == 'l');
		more = fake.sent[1] == 'm';
		memcpy(whole + at, fake.sent + 2, fake.sent_len - 5);
		at += fake.sent_len - 5;
		forget();
	}
	/* '*', '}', '#' and '$' would be escaped. */
	ck_assert_str_eq(whole, xml);
	free(whole);
	free(xml);
}
END_TEST

START_TEST(description_outside_itself_is_its_end_or_an_error)
{
	answers("qXfer:features:read:target.xml:ffffffffffffffff,1", "l");
	answers("qXfer:features:read:target.xml:100000,ffffffffffffffff", "l");
	answers("qXfer:features:read:target.xml:0", "E22");
	answers("qXfer:features:read:target.xml:,", "E22");
	answers("qXfer:features:read:target.xml:0,1,2", "E22");
	answers("qXfer:features:read:../../etc/passwd:0,10", "E00");
	answers("qXfer:features:read:", "E00");
	answers("qXfer:features:read:target.xml:0,0", "m");
}
END_TEST

/* Memory. */

START_TEST(memory_is_read_and_written)
{
	answers("M1000,4:0a0b0c0d", "OK");
	answers("m1000,4", "0a0b0c0d");
	answers("m1002,1", "0c");
	answers("m1000,0", "");
	answers("M1000,0:", "OK");
	say_bytes("X1001,3:#\0}", 11);
	sent("OK");
	answers("m1000,4", "0a23007d");
	answers("X1000,0:", "OK");
}
END_TEST

START_TEST(memory_is_what_is_there_of_it)
{
	memset(fake.memory, 0xab, sizeof(fake.memory));
	answers("m10fe,10", "abab");
	answers("mfff,2", "E14");
	answers("m0,1", "E14");
	answers("M10ff,2:0000", "E14");
	answers("m10ff,1", "ab");
}
END_TEST

START_TEST(memory_does_not_wrap)
{
	fake.top[15] = 0x77;
	answers("mffffffffffffffff,1", "77");
	answers("mffffffffffffffff,2", "77");
	answers("mffffffffffffffff,ffffffffffffffff", "77");
	answers("Mffffffffffffffff,1:78", "OK");
	answers("Mffffffffffffffff,2:7879", "E14");
	answers("m1,ffffffffffffffff", "E14");
}
END_TEST

START_TEST(memory_requests_that_make_no_sense_are_errors)
{
	static const char *const bad[] = {
		"m",
		"m1000",
		"m1000,",
		"m,4",
		"m1000,4,",
		"m1000,4:",
		"m10000000000000000,1",
		"m1000,10000000000000000",
		"m-1,1",
		"mx,1",
		"M",
		"M1000",
		"M1000,4",
		"M1000,4:",
		"M1000,4:00",
		"M1000,1:0",
		"M1000,1:0000",
		"M1000,1:zz",
		"M1000,ffffffff:00",
		"M1000,ffffffffffffffff:00",
		"X",
		"X1000,4:",
		"X1000,1:ab",
		"X1000,ffffffffffffffff:a",
		"X,1:a",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		say(bad[i]);
		ck_assert_msg(strstr(fake.sent, "$E22#"), "%s: %s", bad[i],
			      fake.sent);
		forget();
	}
}
END_TEST

START_TEST(answer_has_room_for_the_largest_read)
{
	fake.target.read = NULL;
	begin();
	say("m1000,ffffffff");
	ck_assert_uint_eq(fake.sent_len, 2 * FAKE_BYTES + 4);
}
END_TEST

/* Points. */

START_TEST(points_go_in_and_out)
{
	answers("Z0,1000,1", "OK");
	answers("Z0,1000,1", "OK");
	ck_assert_uint_eq(fake.nr_points, 1);
	answers("Z1,2000,1", "OK");
	answers("Z2,1010,4", "OK");
	answers("Z4,1010,4", "OK");
	answers("Z1,3000,1", "E22");
	answers("z1,2000,1", "OK");
	answers("z1,2000,1", "E22");
	answers("Z1,3000,1", "OK");
	answers("z0,1000,1", "OK");
}
END_TEST

START_TEST(points_that_there_are_not_get_the_empty_answer)
{
	answers("Z3,1000,4", "");
	answers("Z5,1000,4", "");
	answers("z5,1000,4", "");
	answers("Zffffffffffffffff,1000,4", "");
}
END_TEST

START_TEST(points_that_make_no_sense_are_errors)
{
	static const char *const bad[] = {
		"Z",
		"Z0",
		"Z0,",
		"Z0,1000",
		"Z0,1000,",
		"Z,1000,1",
		"Z0,1000,1;X",
		"Z0,1000,1,1",
		"Z0,10000000000000000,1",
		"z",
		"z0,1000",
		"z0,1000,1;",
		"Z10000000000000000,1,1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		answers(bad[i], "E22");
	ck_assert_uint_eq(fake.nr_points, 0);
}
END_TEST

/* Running. */

static void stop_by(enum gdb_cause cause, unsigned cpu, enum gdb_point point,
		    uint64_t addr)
{
	fake.stop = (struct gdb_stop){cause, cpu, point, addr};
	protocol_stopped(&protocol);
}

START_TEST(continue_answers_when_it_stops)
{
	say("vCont;c");
	ck_assert_str_eq(fake.sent, "");
	ck_assert_uint_eq(fake.resumes, 1);
	stop_by(GDB_RUNNING, 0, GDB_SOFT, 0);
	ck_assert_str_eq(fake.sent, "");
	stop_by(GDB_STEPPED, 2, GDB_SOFT, 0);
	sent("T05thread:3;");
	answers("?", "T05thread:3;");
	answers("qC", "QC3");
}
END_TEST

START_TEST(stop_tells_what_was_hit)
{
	say("qSupported:swbreak+;hwbreak+");
	forget();
	say("c");
	stop_by(GDB_HIT, 0, GDB_SOFT, 0x1000);
	sent("T05thread:1;swbreak:;");
	say("c");
	stop_by(GDB_HIT, 1, GDB_HARD, 0x1000);
	sent("T05thread:2;hwbreak:;");
	say("c");
	stop_by(GDB_HIT, 0, GDB_WRITE, 0xffffffff80001000);
	sent("T05thread:1;watch:ffffffff80001000;");
	say("c");
	stop_by(GDB_HIT, 0, GDB_READ, 1);
	sent("T05thread:1;rwatch:1;");
	say("c");
	stop_by(GDB_HIT, 0, GDB_ACCESS, 2);
	sent("T05thread:1;awatch:2;");
	say("c");
	stop_by(GDB_CRASHED, 2, GDB_SOFT, 0);
	sent("T0bthread:3;");
	say("s");
	stop_by(GDB_CANNOT_STEP, 0, GDB_SOFT, 0);
	sent("E.this KVM cannot single-step the guest's ring 3");
	answers("?", "T05thread:1;");
}
END_TEST

START_TEST(old_client_hears_no_words_it_does_not_know)
{
	say("qSupported:xswbreak+;swbreak-;hwbreak+x");
	forget();
	say("c");
	stop_by(GDB_HIT, 0, GDB_SOFT, 0x1000);
	sent("T05thread:1;");
	say("c");
	stop_by(GDB_HIT, 0, GDB_HARD, 0x1000);
	sent("T05thread:1;");
}
END_TEST

static void actions_are(const char *question, enum gdb_action a,
			enum gdb_action b, enum gdb_action c)
{
	say(question);
	ck_assert_msg(fake.running, "%s: %s", question, fake.sent);
	ck_assert_int_eq(fake.actions[0], a);
	ck_assert_int_eq(fake.actions[1], b);
	ck_assert_int_eq(fake.actions[2], c);
	stop_by(GDB_STEPPED, 0, GDB_SOFT, 0);
	forget();
}

START_TEST(actions_go_to_the_threads_they_name)
{
	const enum gdb_action o = GDB_STAY, c = GDB_CONTINUE, s = GDB_STEP;

	actions_are("vCont;c", c, c, c);
	actions_are("vCont;s:2;c", c, s, c);
	actions_are("vCont;s:2", o, s, o);
	actions_are("vCont;s:1;s:3", s, o, s);
	actions_are("vCont;c:1;s:-1", c, s, s);
	actions_are("vCont;C05:1;S0b", c, s, s);
	actions_are("vCont;s:1;c:1;s:1", s, o, o);
	actions_are("vCont;s:0", s, o, o); /* any: the current one */
	actions_are("c", c, c, c);
	actions_are("s", s, c, c);
	actions_are("C05", c, c, c);
	actions_are("S05", s, c, c);
	say("Hc2");
	forget();
	actions_are("s", o, s, o);
	say("Hc-1");
	forget();
	actions_are("s", s, c, c);
}
END_TEST

START_TEST(actions_that_make_no_sense_run_nothing)
{
	static const char *const bad[] = {
		"vCont",
		"vCont;",
		"vCont;x",
		"vCont;c:",
		"vCont;c:4",
		"vCont;C",
		"vCont;Cxx",
		"vCont;c;",
		"vCont;s:1x",
		"vCont;c:-2",
		"vCont;t:1",
		"vCont;c:ffffffffffffffff",
		"vCont;c:10000000000000001",
		"vCont:c",
		"vCont;r1,2:1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		answers(bad[i], "E22");
	ck_assert_uint_eq(fake.resumes, 0);
}
END_TEST

START_TEST(ctrl_c_stops_what_runs)
{
	const uint8_t ctrl_c = 3;

	protocol_input(&protocol, &ctrl_c, 1);
	ck_assert_str_eq(fake.sent, "");
	say("c");
	protocol_input(&protocol, &ctrl_c, 1);
	sent("T02thread:1;");
	ck_assert(!fake.running);
	/* Something else came first. */
	say("c");
	fake.stop = (struct gdb_stop){GDB_HIT, 1, GDB_WRITE, 0x10};
	protocol_input(&protocol, &ctrl_c, 1);
	sent("T05thread:2;watch:10;");
	/* And is not told twice. */
	protocol_stopped(&protocol);
	ck_assert_str_eq(fake.sent, "");
}
END_TEST

START_TEST(nothing_is_asked_of_a_running_machine)
{
	static const char *const early[] = {"g", "m1000,4", "Z0,1,1",  "c", "k",
					    "D", "?",	    "qRcmd,00"};

	say("c");
	for (size_t i = 0; i < sizeof(early) / sizeof(*early); i++)
		say(early[i]);
	ck_assert_str_eq(fake.sent, "");
	ck_assert_uint_eq(fake.resumes, 1);
	ck_assert_uint_eq(fake.kills, 0);
}
END_TEST

START_TEST(end_of_the_guest_is_told)
{
	say("c");
	protocol_exited(&protocol, 42);
	sent("W2a");
	ck_assert(protocol.closed);
}
END_TEST

/* The client may be slow: nothing of the debugger's stays in memory until then. */
START_TEST(points_go_before_the_end_is_told)
{
	say("c");
	protocol_exited(&protocol, 42);
	ck_assert_uint_eq(fake.detaches_when_sent, 1);
	protocol_fini(&protocol);
	ck_assert_uint_eq(fake.detaches, 1);
}
END_TEST

START_TEST(end_by_a_signal_is_told_as_such)
{
	say("c");
	protocol_exited(&protocol, 128 + 15);
	sent("X0f");
}
END_TEST

START_TEST(end_while_gdb_has_the_prompt_is_silent)
{
	say("?");
	forget();
	protocol_exited(&protocol, 124);
	ck_assert_str_eq(fake.sent, "");
	ck_assert(protocol.closed);
}
END_TEST

START_TEST(detach_lets_go_and_closes)
{
	answers("D", "OK");
	ck_assert_uint_eq(fake.detaches, 1);
	ck_assert(protocol.closed);
	say("g"); /* nobody listens any more */
	ck_assert_str_eq(fake.sent, "");
}
END_TEST

START_TEST(kill_ends_the_machine)
{
	say(_i ? "k" : "vKill;1");
	ck_assert_uint_eq(fake.kills, 1);
	ck_assert(protocol.closed);
}
END_TEST

/* Threads. */

START_TEST(threads_are_vcpus_from_1)
{
	answers("qfThreadInfo", "m1,2,3");
	answers("qsThreadInfo", "l");
	answers("qThreadExtraInfo,2", "764350552031");
	answers("T3", "OK");
	answers("Hg3", "OK");
	answers("qC", "QC3");
	fake.regs[2].general[GPR_RAX] = 7;
	answers("p0", "0700000000000000");
	answers("Hg0", "OK"); /* any */
	answers("qC", "QC3");
	answers("Hg-1", "OK");
	answers("qC", "QC3");
}
END_TEST

START_TEST(many_threads_come_in_parts)
{
	unsigned parts = 0, threads = 0;
	const char *question = "qfThreadInfo";

	fake.target.nr_cpus = GDB_CPUS_MAX;
	for (bool more = true; more; question = "qsThreadInfo") {
		say(question);
		more = fake.sent[1] == 'm';
		parts += more;
		threads += more;
		for (const char *p = fake.sent; *p; p++)
			threads += *p == ',';
		forget();
	}
	ck_assert_uint_eq(threads, GDB_CPUS_MAX);
	ck_assert_uint_gt(parts, 1);
}
END_TEST

START_TEST(threads_that_there_are_not_are_errors)
{
	static const char *const bad[] = {
		"T4",
		"T",
		"Tx",
		"T1x",
		"Hg4",
		"Hg",
		"H",
		"Hgffffffff",
		"Hg100000001",
		"Hg-2",
		"Hg-",
		"Hg1x",
		"T-",
		"T10000000000000001",
		"qThreadExtraInfo",
		"qThreadExtraInfo,",
		"qThreadExtraInfo,4",
		"qThreadExtraInfo,-1",
		"qThreadExtraInfo,1x",
		"qThreadExtraInfo:1",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		answers(bad[i], "E22");
	answers("qC", "QC1");
}
END_TEST

/* monitor. */

START_TEST(monitor_output_comes_before_its_ok)
{
	char wire[64];
	size_t len = packet_wrap(wire, "O68690a", 7);

	fake.monitor_text = "hi\n";
	say("qRcmd,706167657220782079"); /* "pager x y" */
	ck_assert_str_eq(fake.monitor_command, "pager x y");
	ck_assert_int_eq(strncmp(fake.sent, wire, len), 0);
	ck_assert_str_eq(fake.sent + len, "$OK#9a");
	forget();
	fake.monitor_text = "";
	answers("qRcmd,70", "OK");
	fake.monitor_text = NULL;
	answers("qRcmd,70", "E22");
}
END_TEST

START_TEST(long_monitor_output_comes_in_parts)
{
	static char text[100000];
	size_t digits = 0, packets = 0;

	memset(text, 'A', sizeof(text) - 1);
	fake.monitor_text = text;
	say("qRcmd,70");
	for (const char *p = fake.sent; *p; p++) {
		packets += *p == '$';
		digits += p[0] == '4' && p[1] == '1';
	}
	ck_assert_uint_ge(digits, sizeof(text) - 1);
	ck_assert_uint_gt(packets, 10);
	ck_assert_str_eq(fake.sent + fake.sent_len - 6, "$OK#9a");
}
END_TEST

START_TEST(monitor_commands_that_make_no_sense_are_errors)
{
	char body[1024] = "qRcmd,";

	answers("qRcmd", "E22");
	answers("qRcmd,7", "E22");
	answers("qRcmd,zz", "E22");
	answers("qRcmd;70", "E22");
	memset(body + 6, '6', 600);
	answers(body, "E22");
	answers("qRcmd,", "OK");
	ck_assert_str_eq(fake.monitor_command, "");
}
END_TEST

static void add_running(Suite *suite)
{
	TCase *tcase = tcase_create("running");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, continue_answers_when_it_stops);
	tcase_add_test(tcase, stop_tells_what_was_hit);
	tcase_add_test(tcase, old_client_hears_no_words_it_does_not_know);
	tcase_add_test(tcase, actions_go_to_the_threads_they_name);
	tcase_add_test(tcase, actions_that_make_no_sense_run_nothing);
	tcase_add_test(tcase, ctrl_c_stops_what_runs);
	tcase_add_test(tcase, nothing_is_asked_of_a_running_machine);
	tcase_add_test(tcase, end_of_the_guest_is_told);
	tcase_add_test(tcase, points_go_before_the_end_is_told);
	tcase_add_test(tcase, end_by_a_signal_is_told_as_such);
	tcase_add_test(tcase, end_while_gdb_has_the_prompt_is_silent);
	tcase_add_test(tcase, detach_lets_go_and_closes);
	tcase_add_loop_test(tcase, kill_ends_the_machine, 0, 2);
	suite_add_tcase(suite, tcase);
}

static void add_state(Suite *suite)
{
	TCase *tcase = tcase_create("state");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, registers_are_read_and_written_one_by_one);
	tcase_add_test(tcase, all_registers_at_once_and_back);
	tcase_add_test(tcase, registers_that_are_not_there_are_errors);
	tcase_add_test(tcase,
		       description_has_a_register_for_each_in_the_packet);
	tcase_add_test(tcase, description_comes_in_parts);
	tcase_add_test(tcase,
		       description_outside_itself_is_its_end_or_an_error);
	tcase_add_test(tcase, memory_is_read_and_written);
	tcase_add_test(tcase, memory_is_what_is_there_of_it);
	tcase_add_test(tcase, memory_does_not_wrap);
	tcase_add_test(tcase, memory_requests_that_make_no_sense_are_errors);
	tcase_add_test(tcase, answer_has_room_for_the_largest_read);
	tcase_add_test(tcase, points_go_in_and_out);
	tcase_add_test(tcase, points_that_there_are_not_get_the_empty_answer);
	tcase_add_test(tcase, points_that_make_no_sense_are_errors);
	suite_add_tcase(suite, tcase);
}

Suite *gdb_protocol_suite(void)
{
	Suite *suite = suite_create("gdb_protocol");
	TCase *tcase = tcase_create("connection");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, whole_packet_makes_a_debugger);
	tcase_add_test(tcase,
		       connection_without_a_packet_leaves_the_guest_alone);
	tcase_add_test(tcase, end_of_the_connection_lets_the_guest_go);
	tcase_add_test(tcase, unknown_packets_get_the_empty_answer);
	tcase_add_test(tcase, features_are_what_there_is);
	tcase_add_test(tcase, broken_packets_are_asked_for_again);
	tcase_add_test(tcase, packet_beyond_the_limit_is_an_error);
	tcase_add_test(tcase, threads_are_vcpus_from_1);
	tcase_add_test(tcase, many_threads_come_in_parts);
	tcase_add_test(tcase, threads_that_there_are_not_are_errors);
	tcase_add_test(tcase, monitor_output_comes_before_its_ok);
	tcase_add_test(tcase, long_monitor_output_comes_in_parts);
	tcase_add_test(tcase, monitor_commands_that_make_no_sense_are_errors);
	suite_add_tcase(suite, tcase);
	add_state(suite);
	add_running(suite);
	return suite;
}
