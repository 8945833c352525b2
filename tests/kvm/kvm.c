/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the tests that have a VM in their own process; and tests/kvm/kvm.h.
 */
#define _GNU_SOURCE
#include "tests/kvm/kvm.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/window.h"
#include "tests/suites.h"

#define WAIT_MS 60000

void guest_plan(struct guest *guest, const struct guest_config *config)
{
	struct boot_params params = {.loader_name = "test"};
	struct image_error err;

	*guest = (struct guest){.config = *config, .stop.event = -1};
	if (!guest->config.cpus)
		guest->config.cpus = 1;
	if (!guest->config.memory)
		guest->config.memory = UINT64_C(64) << 20;
	if (!guest->config.window_pages)
		guest->config.window_pages = WINDOW_MAX;
	guest->out = memfd_create("console", MFD_CLOEXEC);
	ck_assert_int_ge(guest->out, 0);
	params.protocol = config->boot;
	/* As many as the tables have room for. */
	params.machine = guest->config.machine;
	params.cpus = guest->config.cpus < 254 ? guest->config.cpus : 254;
	params.memory = guest->config.memory;
	params.cmdline = config->cmdline ? config->cmdline : "";
	ck_assert_msg(
		!image_open(&guest->image, must_built(config->image), &err),
		"%s", err.text);
	ck_assert_msg(
		!boot_plan_create(&guest->plan, guest->image, &params, &err),
		"%s", err.text);
}

static void on_fail(void *ctx)
{
	struct guest *guest = ctx;

	stop_request(&guest->stop, 121, "%s", pager_failure(guest->pager));
}

/* The console goes to a file: nobody needs to look after it. */
static void wake(void *ctx)
{
	(void)ctx;
}

int guest_try_create(struct guest *guest, struct error *err)
{
	struct pager_config pager = {
		.mode = guest->config.pager,
		.window_pages = guest->config.window_pages,
		.frames = guest->config.frames,
		.on_fail = on_fail,
		.on_event = guest->config.on_event,
		.ctx = guest,
	};
	struct vm_config vm = {
		.machine = guest->config.machine,
		.memory = guest->config.memory,
		.cpus = guest->config.cpus,
		.cmdline = "",
		.plan = guest->plan,
		.stop = &guest->stop,
		.timeline = &guest->timeline,
		.wake = wake,
	};

	ck_assert_int_eq(pager_create(&guest->pager, &pager), 0);
	ck_assert_int_eq(stop_init(&guest->stop), 0);
	ck_assert_int_eq(console_create(&guest->console, -1, guest->out), 0);
	vm.pager = guest->pager;
	vm.console = guest->console;
	return vm_create(&guest->vm, &vm, err);
}

void guest_create(struct guest *guest)
{
	struct error err;

	ck_assert_msg(!guest_try_create(guest, &err), "%s", err.text);
}

void guest_start(struct guest *guest)
{
	struct error err;

	ck_assert_msg(!vm_start(guest->vm, &err), "%s", err.text);
	vm_go(guest->vm);
}

int guest_wait(struct guest *guest)
{
	struct pollfd fds[] = {
		{.fd = guest->stop.event, .events = POLLIN},
		{.fd = vm_timer_fd(guest->vm), .events = POLLIN},
	};

	while (!fds[0].revents) {
		ck_assert_msg(poll(fds, 2, WAIT_MS * must_patience()) > 0,
			      "the guest does not end");
		if (fds[1].revents)
			vm_timer_expired(guest->vm);
	}
	ck_assert(stop_asked(&guest->stop));
	ck_assert(vm_stop(guest->vm));
	return guest->stop.status;
}

const char *guest_output(struct guest *guest)
{
	static char text[4096];
	ssize_t n;

	console_flush(guest->console);
	n = pread(guest->out, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

void guest_destroy(struct guest *guest)
{
	console_destroy(guest->console);
	vm_destroy(guest->vm);
	pager_destroy(guest->pager);
	stop_fini(&guest->stop);
	boot_plan_destroy(guest->plan);
	image_close(guest->image);
	close(guest->out);
}

int guest_run(const struct guest_config *config)
{
	struct guest guest;
	int status;

	guest_plan(&guest, config);
	guest_create(&guest);
	guest_start(&guest);
	status = guest_wait(&guest);
	guest_destroy(&guest);
	return status;
}

void guest_left_nothing(const struct must_count *before)
{
	struct must_count want = *before;

#ifdef __SANITIZE_ADDRESS__
	must_count(&want);
	want.fds = before->fds;
	want.threads = before->threads;
#endif
	must_count_same(&want);
}

int main(int argc, char *argv[])
{
	SRunner *runner;
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: %s BUILD_DIR\n", argv[0]);
		return 2;
	}
	must_set_build(argv[1]);
	runner = srunner_create(vm_suite());
	srunner_add_suite(runner, race_suite());
	srunner_add_suite(runner, taken_suite());
	srunner_add_suite(runner, translate_suite());
	srunner_add_suite(runner, kvm_frames_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
