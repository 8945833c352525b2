/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outb PORT VALUE: writes a byte to an I/O port, both decimal. This is how a
 * process in a guest speaks to the VMM (guest/abi.h): Debian's cloud kernel has no
 * /dev/port. Without a libc: the initramfs has none either.
 */
#define SYS_exit   60
#define SYS_ioperm 173

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/* -1: no number. */
static int number(const char *word)
{
	int n = 0;

	if (!*word)
		return -1;
	for (; *word; word++) {
		if (*word < '0' || *word > '9' || n > 65535)
			return -1;
		n = n * 10 + (*word - '0');
	}
	return n;
}

/* Status 1: wrong words; 2: the kernel refuses the port. */
static int out(long argc, char **argv)
{
	int port, value;

	if (argc != 3)
		return 1;
	port = number(argv[1]);
	value = number(argv[2]);
	if (port < 0 || port > 65535 || value < 0 || value > 255)
		return 1;
	if (call(SYS_ioperm, port, 1, 1))
		return 2;
	__asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
	return 0;
}

/* System V ABI, process initialization: argc and argv are on the stack. */
__attribute__((used)) static void start(long *stack)
{
	call(SYS_exit, out(stack[0], (char **)(stack + 1)), 0, 0);
}

__asm__(".globl _start\n"
	"_start: mov %rsp, %rdi\n"
	"	call start\n");
