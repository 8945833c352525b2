/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table per layout, from which both the packets and the description are
 * made, so that they cannot differ.
 */
#define _GNU_SOURCE
#include "vmm/gdb/regs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A processor stores numbers with their lowest byte first, and so does gdb: a
 * register is the first bytes of its field. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "x86 alone");

struct reg {
	const char *name;
	const char *feature; /* NULL: as the one before */
	const char *type;
	unsigned bytes, field; /* of the register, of its field */
	size_t offset;	       /* in struct regs */
};

#define CORE	 "org.gnu.gdb.i386.core"
#define SSE	 "org.gnu.gdb.i386.sse"
#define SEGMENT	 "org.gnu.gdb.i386.segments"
#define FEATURES "faultline.x86.system"

#define FIELD(f) sizeof(((struct regs *)0)->f), offsetof(struct regs, f)
/* clang-format off */
#define WHOLE(name, type, f)   {name, NULL, type, FIELD_BYTES(f), FIELD(f)}
#define FIELD_BYTES(f)         sizeof(((struct regs *)0)->f)
#define FIRST(feat, name, type, f) {name, feat, type, FIELD_BYTES(f), FIELD(f)}
#define LOW32(name, type, f)   {name, NULL, type, 4, FIELD(f)}
#define GENERAL(name, n)       WHOLE(name, "int64", general[n])
#define ST(n)   WHOLE("st" #n, "i387_ext", st[n])
#define XMM(n)  WHOLE("xmm" #n, "vec128", xmm[n])
#define INT(name)  WHOLE(#name, "int", name)
#define LONG(name) WHOLE(#name, "int64", name)
/* clang-format on */

#define SEGMENTS_AND_X87                                                    \
	WHOLE("cs", "int32", segments[SEGMENT_CS]),                         \
		WHOLE("ss", "int32", segments[SEGMENT_SS]),                 \
		WHOLE("ds", "int32", segments[SEGMENT_DS]),                 \
		WHOLE("es", "int32", segments[SEGMENT_ES]),                 \
		WHOLE("fs", "int32", segments[SEGMENT_FS]),                 \
		WHOLE("gs", "int32", segments[SEGMENT_GS]), ST(0), ST(1),   \
		ST(2), ST(3), ST(4), ST(5), ST(6), ST(7), INT(fctrl),       \
		INT(fstat), INT(ftag), INT(fiseg), INT(fioff), INT(foseg),  \
		INT(fooff), INT(fop), FIRST(SSE, "xmm0", "vec128", xmm[0]), \
		XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7)
#define MXCSR WHOLE("mxcsr", "i386_mxcsr", mxcsr)

static const struct reg regs_64[] = {
	FIRST(CORE, "rax", "int64", general[GPR_RAX]),
	GENERAL("rbx", GPR_RBX),
	GENERAL("rcx", GPR_RCX),
	GENERAL("rdx", GPR_RDX),
	GENERAL("rsi", GPR_RSI),
	GENERAL("rdi", GPR_RDI),
	WHOLE("rbp", "data_ptr", general[GPR_RBP]),
	WHOLE("rsp", "data_ptr", general[GPR_RSP]),
	GENERAL("r8", 8),
	GENERAL("r9", 9),
	GENERAL("r10", 10),
	GENERAL("r11", 11),
	GENERAL("r12", 12),
	GENERAL("r13", 13),
	GENERAL("r14", 14),
	GENERAL("r15", 15),
	WHOLE("rip", "code_ptr", rip),
	LOW32("eflags", "i386_eflags", rflags),
	SEGMENTS_AND_X87,
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	MXCSR,
	FIRST(SEGMENT, "fs_base", "int64", fs_base),
	LONG(gs_base),
	FIRST(FEATURES, "k_gs_base", "int64", k_gs_base),
	LONG(cr0),
	LONG(cr2),
	LONG(cr3),
	LONG(cr4),
	LONG(cr8),
	LONG(efer),
};

static const struct reg regs_32[] = {
	{"eax", CORE, "int32", 4, FIELD(general[GPR_RAX])},
	LOW32("ecx", "int32", general[GPR_RCX]),
	LOW32("edx", "int32", general[GPR_RDX]),
	LOW32("ebx", "int32", general[GPR_RBX]),
	LOW32("esp", "data_ptr", general[GPR_RSP]),
	LOW32("ebp", "data_ptr", general[GPR_RBP]),
	LOW32("esi", "int32", general[GPR_RSI]),
	LOW32("edi", "int32", general[GPR_RDI]),
	LOW32("eip", "code_ptr", rip),
	LOW32("eflags", "i386_eflags", rflags),
	SEGMENTS_AND_X87,
	MXCSR,
};

static const struct {
	const char *architecture;
	const struct reg *regs;
	unsigned nr;
} layouts[] = {
	[REGS_64] = {"i386:x86-64", regs_64,
		     sizeof(regs_64) / sizeof(*regs_64)},
	[REGS_32] = {"i386", regs_32, sizeof(regs_32) / sizeof(*regs_32)},
};
static_assert(sizeof(layouts) / sizeof(*layouts) == REGS_LAYOUTS,
	      "every layout has its registers");

unsigned regs_count(enum regs_layout layout)
{
	return layouts[layout].nr;
}

size_t regs_bytes(enum regs_layout layout)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < layouts[layout].nr; i++)
		bytes += layouts[layout].regs[i].bytes;
	assert(bytes <= REGS_BYTES_MAX);
	return bytes;
}

size_t regs_get(enum regs_layout layout, const struct regs *regs,
		unsigned number, uint8_t *bytes)
{
	const struct reg *reg = &layouts[layout].regs[number];

	assert(number < layouts[layout].nr);
	memcpy(bytes, (const char *)regs + reg->offset, reg->bytes);
	return reg->bytes;
}

size_t regs_set(enum regs_layout layout, struct regs *regs, unsigned number,
		const uint8_t *bytes)
{
	const struct reg *reg = &layouts[layout].regs[number];

	assert(number < layouts[layout].nr);
	memset((char *)regs + reg->offset, 0, reg->field);
	memcpy((char *)regs + reg->offset, bytes, reg->bytes);
	return reg->bytes;
}

void regs_get_all(enum regs_layout layout, const struct regs *regs,
		  uint8_t *bytes)
{
	for (unsigned i = 0; i < layouts[layout].nr; i++)
		bytes += regs_get(layout, regs, i, bytes);
}

void regs_set_all(enum regs_layout layout, struct regs *regs,
		  const uint8_t *bytes)
{
	for (unsigned i = 0; i < layouts[layout].nr; i++)
		bytes += regs_set(layout, regs, i, bytes);
}

/* SDM 1 3.4.3, 10.2.3. In the features that use them. */
static const char core_types[] = "<flags id=\"i386_eflags\" size=\"4\">"
				 "<field name=\"CF\" start=\"0\" end=\"0\"/>"
				 "<field name=\"\" start=\"1\" end=\"1\"/>"
				 "<field name=\"PF\" start=\"2\" end=\"2\"/>"
				 "<field name=\"AF\" start=\"4\" end=\"4\"/>"
				 "<field name=\"ZF\" start=\"6\" end=\"6\"/>"
				 "<field name=\"SF\" start=\"7\" end=\"7\"/>"
				 "<field name=\"TF\" start=\"8\" end=\"8\"/>"
				 "<field name=\"IF\" start=\"9\" end=\"9\"/>"
				 "<field name=\"DF\" start=\"10\" end=\"10\"/>"
				 "<field name=\"OF\" start=\"11\" end=\"11\"/>"
				 "<field name=\"NT\" start=\"14\" end=\"14\"/>"
				 "<field name=\"RF\" start=\"16\" end=\"16\"/>"
				 "<field name=\"VM\" start=\"17\" end=\"17\"/>"
				 "<field name=\"AC\" start=\"18\" end=\"18\"/>"
				 "<field name=\"VIF\" start=\"19\" end=\"19\"/>"
				 "<field name=\"VIP\" start=\"20\" end=\"20\"/>"
				 "<field name=\"ID\" start=\"21\" end=\"21\"/>"
				 "</flags>\n";
static const char sse_types[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\">"
	"<field name=\"v4_float\" type=\"v4f\"/>"
	"<field name=\"v2_double\" type=\"v2d\"/>"
	"<field name=\"v16_int8\" type=\"v16i8\"/>"
	"<field name=\"v8_int16\" type=\"v8i16\"/>"
	"<field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/>"
	"<field name=\"uint128\" type=\"uint128\"/>"
	"</union>"
	"<flags id=\"i386_mxcsr\" size=\"4\">"
	"<field name=\"IE\" start=\"0\" end=\"0\"/>"
	"<field name=\"DE\" start=\"1\" end=\"1\"/>"
	"<field name=\"ZE\" start=\"2\" end=\"2\"/>"
	"<field name=\"OE\" start=\"3\" end=\"3\"/>"
	"<field name=\"UE\" start=\"4\" end=\"4\"/>"
	"<field name=\"PE\" start=\"5\" end=\"5\"/>"
	"<field name=\"DAZ\" start=\"6\" end=\"6\"/>"
	"<field name=\"IM\" start=\"7\" end=\"7\"/>"
	"<field name=\"DM\" start=\"8\" end=\"8\"/>"
	"<field name=\"ZM\" start=\"9\" end=\"9\"/>"
	"<field name=\"OM\" start=\"10\" end=\"10\"/>"
	"<field name=\"UM\" start=\"11\" end=\"11\"/>"
	"<field name=\"PM\" start=\"12\" end=\"12\"/>"
	"<field name=\"FZ\" start=\"15\" end=\"15\"/>"
	"</flags>\n";

static void put_feature(FILE *out, const char *name, bool first)
{
	fprintf(out, "%s<feature name=\"%s\">\n", first ? "" : "</feature>\n",
		name);
	if (!strcmp(name, CORE))
		fputs(core_types, out);
	if (!strcmp(name, SSE))
		fputs(sse_types, out);
}

char *regs_describe(enum regs_layout layout)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out,
		"<?xml version=\"1.0\"?>\n"
		"<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		"<target version=\"1.0\">\n"
		"<architecture>%s</architecture>\n",
		layouts[layout].architecture);
	for (unsigned i = 0; i < layouts[layout].nr; i++) {
		const struct reg *reg = &layouts[layout].regs[i];

		if (reg->feature)
			put_feature(out, reg->feature, i == 0);
		fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>\n",
			reg->name, 8 * reg->bytes, reg->type);
	}
	fputs("</feature>\n</target>\n", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
