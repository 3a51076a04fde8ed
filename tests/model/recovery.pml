/* Two clients, two servers and their successors, a guardian; each may fail at any step. Checked for every interleaving:
 *
 *   no call is lost             every run ends with each call answered (no invalid end state, no endless run)
 *   no call is answered twice   give_answer
 *   none is delivered twice     deliver, deliver_again; one that is not safe comes again only if it had been put off
 *   one provider                check_provider; only the process that has the slot gets calls and answers them
 *   no deadlock                 no invalid end state
 *   all or none                 check_together
 *   nobody stops whom another waits for    with NESTED: no replacement runs out of time
 */
#include "core.pml"

#ifndef REQUESTS
#define REQUESTS 1	/* calls of each client */
#endif
#ifndef FAILURES
#define FAILURES 2	/* of servers old and new, clients, the guardian, all together */
#endif
#ifndef PLANS
#define PLANS 1		/* replacements on extension */
#endif
#ifndef LIMITS
#define LIMITS 1	/* times that something takes too long: a replacement, a call, the stop of another member */
#endif
#ifndef NESTED
#define NESTED 0	/* client 1 is what serves slot 1: it calls slot 0 and waits for the answer, in the middle of its handlers */
#endif
#if NESTED
#define away(s)		(s == 1 && pending(1))
#define may_call(c)	(c == 0 || !slot[1].handing_over)
#else
#define away(s)		false
#define may_call(c)	true
#endif

byte failures, limits;

/* Client 0 calls slot 0, client 1 calls either: what it would be with their numbers changed is the same. */
proctype Client(byte c, mine) {
	byte left = REQUESTS;
	do
	:: d_step { left > 0 && can_request(c, 0) && may_call(c) -> left--; request(c, 0, false) }
	:: d_step { left > 0 && can_request(c, 0) && may_call(c) -> left--; request(c, 0, true) }
#if !NESTED
	:: d_step { left > 0 && can_request(c, mine) -> left--; request(c, mine, false) }
	:: d_step { left > 0 && can_request(c, mine) -> left--; request(c, mine, true) }
#endif
	:: d_step { left > 0 && !slot[0].alive && !slot[mine].alive -> left-- }	/* Error::no_server */
	:: d_step { can_hear(c) -> hear(c) }
	:: d_step { limits > 0 && can_time_out(c) -> limits--; time_out(c) }
	:: d_step { failures > 0 && can_abandon(c) -> failures--; abandon(c) }
	:: left == 0 && call[c].place == idle -> break
	od
}

/* A process of a slot: fresh, behind the slot, or not there. What it keeps in memory is `told` alone: all else is the
 * slot's, and in its records. */
#define knows(s, c)	(slot[s].current == c || call[c].place == deferred)
proctype Server(byte s, p) {
	bool told;
end:	do
	/* The new one: register_flag::redeliver is its own choice. */
	:: d_step { can_register(s, p) -> told = false; register(s, false) }
	:: d_step { can_register(s, p) -> told = false; register(s, true) }
	:: d_step { failures > 0 && slot[s].fresh == p -> failures--; cancel(s) }
	/* The one that serves */
	:: d_step { can_run(s, p) -> run_with_call(s) }
	:: d_step { can_defer(s, p) -> defer_current(s) }
	:: d_step { can_tell(s, p) && !away(s) -> tell_old(s); told = true }
	:: d_step { can_deliver(s, p, 0) -> deliver(s, 0) }
	:: d_step { can_deliver(s, p, 1) -> deliver(s, 1) }
	:: d_step { can_deliver_again(s, p, 0) -> deliver_again(s, 0) }
	:: d_step { can_deliver_again(s, p, 1) -> deliver_again(s, 1) }
	:: d_step { can_answer(s, p, 0) && knows(s, 0) -> answer(0) }
	:: d_step { can_answer(s, p, 1) && knows(s, 1) -> answer(1) }
	:: d_step { told && serves(s, p) && !away(s) ->
		told = false;
		if
		:: can_hand_over(s, p) -> hand_over(s)
		:: else		/* Error::cancelled */
		fi }
	:: d_step { failures > 0 && can_die(s, p) -> failures--; told = false; die(s) }
	od
}

/* The core ends what takes too long, and goes on with the ends of slots. */
proctype Core() {
end:	do
	:: d_step { limits > 0 && can_cancel(0) -> limits--; cancel(0) }
	:: d_step { limits > 0 && can_cancel(1) -> limits--; cancel(1) }
	:: d_step { limits > 0 && can_go_on(0) -> limits--; go_on(0) }
	:: d_step { limits > 0 && can_go_on(1) -> limits--; go_on(1) }
	/* When nothing else happens any more, time is up. */
#if NESTED
	:: d_step { timeout && can_go_on(0) -> go_on(0) }
	:: d_step { timeout && !can_go_on(0) && (can_cancel(0) || can_cancel(1)) -> assert(false) }
#else
	:: d_step { timeout && can_cancel(0) -> cancel(0) }
	:: d_step { timeout && can_cancel(1) -> cancel(1) }
#endif
	:: d_step { can_fail(0, 0) -> fail_call(0) }
	:: d_step { can_fail(0, 1) -> fail_call(1) }
	:: d_step { can_fail(1, 0) -> fail_call(0) }
	:: d_step { can_fail(1, 1) -> fail_call(1) }
	od
}

/* Asks for replacements on extension, and repairs. One that fails, at any step, is created anew by the core: it knows
 * nothing, and looks at all slots. */
#define guardian_fails	:: d_step { failures > 0 -> failures--; s = 0 } -> goto anew
#define needs_repair(s)	(is_vacant(s) && slot[s].state == none)
proctype Guardian(byte plans) {
	byte s;
anew:	to_guardian = true;
end:	do
	:: to_guardian ->
		to_guardian = false;
		do
		:: s < SLOTS && !needs_repair(s) -> s++
		:: s < SLOTS && needs_repair(s) ->
			if	/* restart it, or give up */
			:: d_step { can_begin(s) -> begin_replacement(s, false, 0) }
			:: d_step { can_end(s) -> end_slot(s) }
			guardian_fails
			fi
		:: s == SLOTS -> s = 0; break
		guardian_fails
		od
	:: plans > 0 ->
		plans--;
		if
		:: d_step { can_begin(0) -> begin_replacement(0, false, 0) }
		:: d_step { can_begin(0) -> begin_replacement(0, true, 0) }
		:: d_step { can_begin(1) -> begin_replacement(1, false, 0) }
		:: d_step { can_begin(1) -> begin_replacement(1, true, 0) }
		:: d_step { can_begin(0) -> begin_replacement(0, false, 1) };
			if
			:: d_step { can_begin(1) && slot[0].transaction == 1 -> begin_replacement(1, false, 1) }
			:: d_step { !can_begin(1) && slot[0].transaction == 1 -> cancel(0) }
			:: slot[0].transaction != 1	/* it has failed: the other request is refused */
			guardian_fails
			fi
		:: !can_begin(0) || !can_begin(1)	/* Error::busy, Error::not_found */
		fi
	guardian_fails
	od
}

init {
	byte plans;
	atomic {
		slot[0].owner[0] = true;
		slot[1].owner[0] = true;
		slot[1].keeps = false;
		/* Each number of failures: what one of them would repair must not hide what is wrong without it. */
		select (failures : 0 .. FAILURES);
		select (limits : 0 .. LIMITS);
		select (plans : 0 .. PLANS);
		run Client(0, 0);
		run Client(1, 1);
		run Server(0, 0);
		run Server(0, 1);
		run Server(1, 0);
		run Server(1, 1);
		run Guardian(plans);
		run Core()
	}
}
