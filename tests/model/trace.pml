/* Accepts what the real core was seen to do, event after event: each must be a transition of core.pml that is possible
 * then, and has to lead to the state that was seen. check.py appends the events. Each has up to three arguments, mostly
 * a server (its slot), one of the slot's processes, and a client (its call). */
#include "core.pml"

mtype = { e_begin_world, e_request, e_run, e_defer, e_tell, e_deliver, e_deliver_again, e_answer, e_time_out, e_hear, e_abandon,
	  e_fail, e_die, e_end, e_begin, e_register, e_hand_over, e_go_on, e_cancel, e_slot, e_call, e_end_world, e_no_more };
chan events = [0] of { mtype, byte, byte, byte };
int number;	/* of the event, from 1 */

#define accept(guard, effect)	if :: guard -> effect :: else -> printf("refused: event %d\n", number); assert(false) fi

inline begin_world(keeps0, keeps1) {
	number_of_slot = 0;
	do
	:: number_of_slot < SLOTS ->
		slot[number_of_slot].alive = true;
		slot[number_of_slot].process = 0;
		slot[number_of_slot].owner[0] = true;
		slot[number_of_slot].owner[1] = false;
		slot[number_of_slot].state = none;
		slot[number_of_slot].fresh = NOBODY;
		slot[number_of_slot].notice = false;
		slot[number_of_slot].handing_over = false;
		slot[number_of_slot].unseen = false;
		slot[number_of_slot].redeliver = false;
		slot[number_of_slot].transaction = 0;
		number_of_slot++
	:: else -> break
	od;
	slot[0].keeps = keeps0;
	slot[1].keeps = keeps1
}
hidden byte number_of_slot;

/* What was seen of a slot and of a call */
#define slot_is(s, p, what)	(slot[s].alive == (p <= NOBODY) && (p > NOBODY || slot[s].process == p && slot[s].state == what))
#define no_call_left	(call[0].place == idle && call[1].place == idle)

active proctype Accept() {
	mtype event;
	byte s, b, c;
	do
	:: events?event, s, b, c ->
		number++;
		if
		/* server s, process b, call c */
		:: event == e_request -> d_step { accept(can_request(c, s), request(c, s, b)) }
		:: event == e_run -> d_step { accept(can_run(s, b), run_with_call(s)) }
		:: event == e_defer -> d_step { accept(can_defer(s, b) && slot[s].current == c, defer_current(s)) }
		:: event == e_tell -> d_step { accept(can_tell(s, b), tell_old(s)) }
		:: event == e_deliver -> d_step { accept(can_deliver(s, b, c), deliver(s, c)) }
		:: event == e_deliver_again -> d_step { accept(can_deliver_again(s, b, c), deliver_again(s, c)) }
		:: event == e_answer -> d_step { accept(can_answer(s, b, c), answer(c)) }
		:: event == e_time_out -> d_step { accept(can_time_out(c), time_out(c)) }
		:: event == e_hear -> d_step { accept(can_hear(c) && call[c].result == b, hear(c)) }
		:: event == e_abandon -> d_step { accept(can_abandon(c), abandon(c)) }
		:: event == e_fail -> d_step { accept(can_fail(s, c), fail_call(c)) }
		:: event == e_die -> d_step { accept(can_die(s, b), die(s)) }
		:: event == e_end -> d_step { accept(can_end(s), end_slot(s)) }
		/* as paper: b; transaction: c */
		:: event == e_begin -> d_step { accept(can_begin(s), begin_replacement(s, b, c)) }
		/* wants deferred calls again: c */
		:: event == e_register -> d_step { accept(can_register(s, b), register(s, c)) }
		:: event == e_hand_over -> d_step { accept(can_hand_over(s, b), hand_over(s)) }
		:: event == e_go_on -> d_step { accept(can_go_on(s), go_on(s)) }
		:: event == e_cancel -> d_step { accept(can_cancel(s), cancel(s)) }
		:: event == e_slot -> d_step { accept(slot_is(s, b, c), skip) }
		:: event == e_call -> d_step { accept(call[c].place == b && (b == idle || call[c].slot == s), skip) }
		:: event == e_begin_world -> d_step { accept(no_call_left, begin_world(s, b)) }
		:: event == e_end_world -> d_step { accept(no_call_left, skip) }
		:: event == e_no_more -> printf("accepted\n")
		fi
	od
}
