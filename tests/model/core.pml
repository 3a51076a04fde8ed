/* The inner core's part of replacement and recovery (docs/replacement.md, docs/recovery.md): slots, the processes that
 * animate them, calls, and what the core does with them. Each transition has a guard `can_X` and an effect `X`, and
 * names the function of kernel/core that it stands for.
 *
 * recovery.pml adds the other parties and checks the protocol; trace.pml accepts what the real core was seen to do.
 *
 * Left out: time (whatever has a limit may end at any moment), areas, interrupts, stages behind the first, priorities.
 */
#define SLOTS 2
#define CALLS 2		/* a client has one call at a time: both have the same number */
#define NOBODY 2	/* the processes of a slot are 0 and 1: one that serves, one that is to follow */
#define NO_CALL CALLS

/* Where a call is. queued: Slot::requests. working: Slot::current. deferred and waits: Slot::deferred, before and from
 * Slot::again on; those that wait are to be delivered again. answered: its client has not looked yet. */
mtype = { idle, queued, working, deferred, waits, answered };
/* What the client gets to hear. */
mtype = { nothing, reply, restarted, died, timed_out };
/* Replacement::State */
mtype = { none, preparing, registered, prepared, stopped, stopping, starting };

typedef Call {
	mtype place = idle;
	mtype result = nothing;
	byte slot;
	bool safe;		/* function_attribute::redeliver */
	bool abandoned;		/* its client has given up, or is gone */
	bool had		/* a process of the slot has had it */
};

typedef Slot {
	bool alive = true;
	bool keeps = true;	/* process_flag::restart */
	byte process = 0;	/* Slot::process; NOBODY: vacant */
	bool owner[2];		/* Process::slot of each process */
	byte current = NO_CALL;
	mtype state = none;
	byte fresh = NOBODY;	/* Replacement::fresh */
	bool notice;		/* Slot::tell_replacement */
	bool handing_over;	/* the old process waits in hand_over */
	bool unseen;		/* its process has not run since it was given `current` */
	bool redeliver;		/* register_flag::redeliver */
	byte transaction	/* its number; 0: alone */
};

Call call[CALLS];
Slot slot[SLOTS];
chan requests[SLOTS] = [CALLS] of { byte };
chan put_off[SLOTS] = [CALLS] of { byte };	/* deferred */
chan again[SLOTS] = [CALLS] of { byte };	/* waits */
bool whole;		/* all members of the transaction have begun */
bool to_guardian;	/* event::process_ended, event::replacement */
hidden byte x_, n_, lost_;
hidden byte tells_;

#define serves(s, p)	(slot[s].process == p && !slot[s].handing_over && !slot[s].unseen)
#define is_vacant(s)	(slot[s].alive && slot[s].process == NOBODY)
#define outlives(s)	(slot[s].keeps || slot[s].state != none)
#define complete	(slot[0].transaction != 0 && slot[0].transaction == slot[1].transaction)
#define held(c)		(call[c].place == working || call[c].place == deferred || call[c].place == waits)
#define pending(c)	(call[c].place == queued || held(c))

/* One process has the slot, or none has it and somebody is to follow. */
inline check_provider(s) {
	assert(!(slot[s].owner[0] && slot[s].owner[1]));
	assert(slot[s].process == NOBODY || slot[s].owner[slot[s].process]);
	assert(slot[s].process != NOBODY || !slot[s].owner[0] && !slot[s].owner[1]);
	assert(!is_vacant(s) || outlives(s))
}

/* Calls ------------------------------------------------------------------------------------------------- */

/* pass_result. The late answer of a call that nobody waits for ends it. */
inline give_answer(c, what) {
	assert(call[c].result == nothing);
	call[c].had = false;
	if
	:: call[c].abandoned -> call[c].place = idle; call[c].abandoned = false
	:: else -> call[c].place = answered; call[c].result = what
	fi
}

/* let_go, leave_deferred */
inline let_go(c) {
	if
	:: call[c].place == queued -> requests[call[c].slot]??eval(c)
	:: call[c].place == working -> slot[call[c].slot].current = NO_CALL
	:: call[c].place == deferred -> put_off[call[c].slot]??eval(c)
	:: call[c].place == waits -> again[call[c].slot]??eval(c)
	fi
}

/* request, request_async: push_frame, pass_request */
#define can_request(c, s)	(call[c].place == idle && slot[s].alive)
inline request(c, s, is_safe) {
	call[c].slot = s;
	call[c].safe = is_safe;
	call[c].place = queued;
	requests[s]!c
}

/* receive: begin_receive */
#define can_defer(s, p)		(serves(s, p) && slot[s].current != NO_CALL)
inline defer_current(s) {
	call[slot[s].current].place = deferred;
	put_off[s]!slot[s].current;
	slot[s].current = NO_CALL
}

#define receives(s, p)		(serves(s, p) && slot[s].current == NO_CALL)

/* receive: take_next, old_server_told */
#define can_tell(s, p)		(receives(s, p) && slot[s].notice)
inline tell_old(s) { slot[s].notice = false }

/* receive: take_next, deliver_request; pass_request to a process that waits in receive */
#define can_deliver(s, p, c)	(receives(s, p) && !slot[s].notice && empty(again[s]) && requests[s]?[eval(c)])
inline deliver(s, c) {
	assert(!call[c].had && call[c].slot == s);
	requests[s]?eval(c);
	call[c].place = working;
	call[c].had = true;
	slot[s].current = c;
	slot[s].unseen = true
}

/* receive: take_next, deliver_again */
#define can_deliver_again(s, p, c)	(receives(s, p) && !slot[s].notice && again[s]?[eval(c)])
inline deliver_again(s, c) {
	assert(call[c].had && call[c].slot == s);
	again[s]?eval(c);
	call[c].place = working;
	slot[s].current = c;
	slot[s].unseen = true
}

/* schedule: the process that the slot's call was given to is on its way */
#define can_run(s, p)		(slot[s].process == p && slot[s].unseen)
inline run_with_call(s) { slot[s].unseen = false }

/* reply */
#define can_answer(s, p, c)	(serves(s, p) && held(c) && call[c].slot == s)
inline answer(c) {
	let_go(c);
	give_answer(c, reply)
}

/* call_timed_out, expire_calls. A server that has the call goes on with it. */
#define can_time_out(c)		(call[c].place == queued || held(c) && !call[c].abandoned)
inline time_out(c) {
	if
	:: call[c].place == queued -> let_go(c); give_answer(c, timed_out)
	:: else -> call[c].abandoned = true
	fi
}

/* The client looks at its answer. */
#define can_hear(c)		(call[c].place == answered)
inline hear(c) {
	call[c].place = idle;
	call[c].result = nothing
}

/* stop_running of the client's process */
#define can_abandon(c)		(call[c].place != idle && !call[c].abandoned)
inline abandon(c) {
	if
	:: call[c].place == answered -> hear(c)
	:: else -> call[c].abandoned = true
	fi
}

/* Failures ---------------------------------------------------------------------------------------------- */

/* The first n_ of those that are to be delivered again come behind the others. */
inline put_behind(s) {
	do
	:: n_ > 0 -> again[s]?x_; again[s]!x_; n_--
	:: n_ == 0 -> break
	od
}

/* leave_calls and deliver_deferred_again: `first`, unless it is NO_CALL, then the deferred ones in their order, then those
 * that were to be delivered again before. */
inline leave_calls(s, first) {
	n_ = len(again[s]);
	if
	:: first != NO_CALL -> call[first].place = waits; again[s]!first
	:: else
	fi;
	do
	:: nempty(put_off[s]) -> put_off[s]?x_; call[x_].place = waits; again[s]!x_
	:: empty(put_off[s]) -> break
	od;
	put_behind(s)
}

/* close_slot: no new calls. Those that it has are failed one by one, by end_controls. */
inline close_slot(s) {
	slot[s].alive = false;
	slot[s].current = NO_CALL;
	slot[s].unseen = false;
	slot[s].owner[0] = false;
	slot[s].owner[1] = false;
	slot[s].process = NOBODY
}
#define can_fail(s, c)		(!slot[s].alive && pending(c) && call[c].slot == s)
inline fail_call(c) {
	let_go(c);
	give_answer(c, died)
}

/* Replacements ------------------------------------------------------------------------------------------ */

/* take_back_receipt: a call that the old process has not seen is to be delivered again, before the others */
inline take_back(s) {
	if
	:: slot[s].unseen ->
		slot[s].unseen = false;
		n_ = len(again[s]);
		call[slot[s].current].place = waits;
		again[s]!slot[s].current;
		slot[s].current = NO_CALL;
		put_behind(s)
	:: else
	fi
}

/* begin_replacement */
#define can_begin(s)		(slot[s].alive && slot[s].state == none)
inline begin_replacement(s, as_paper, number) {
	slot[s].transaction = number;
	slot[s].fresh = (slot[s].process == 0 -> 1 : 0);
	if
	:: slot[s].process == NOBODY -> slot[s].state = starting
	:: slot[s].process != NOBODY && as_paper -> take_back(s); slot[s].state = stopping; slot[s].notice = true
	:: slot[s].process != NOBODY && !as_paper -> slot[s].state = preparing
	fi;
	whole = complete
}

/* commit: the slot changes hands; retire_process */
inline commit(s) {
	if
	:: slot[s].process != NOBODY -> slot[s].owner[slot[s].process] = false
	:: else
	fi;
	slot[s].process = slot[s].fresh;
	slot[s].owner[slot[s].fresh] = true;
	slot[s].fresh = NOBODY;
	slot[s].state = none;
	slot[s].notice = false;
	slot[s].handing_over = false;
	to_guardian = true;
	if
	:: slot[s].redeliver -> leave_calls(s, NO_CALL)
	:: else
	fi;
	slot[s].redeliver = false;
	slot[s].transaction = 0;
	check_provider(s)
}

/* advance: leads a transaction on when one of its members has got on. When all new processes are there, the old ones are
 * told, unless one has been told and has not stopped yet; when none of them is in the way any more, all slots change hands in
 * one go. */
#define has_registered(s)	(slot[s].state == registered || slot[s].state == prepared || slot[s].state == stopped)
#define old_has_stopped(s)	(slot[s].process == NOBODY || slot[s].handing_over)
inline advance_one(s, tells) {
	if
	:: slot[s].state == registered && old_has_stopped(s) -> slot[s].state = stopped
	:: slot[s].state == registered && !old_has_stopped(s) && tells -> slot[s].state = prepared; slot[s].notice = true
	:: else
	fi
}
inline advance(s) {
	if
	:: slot[s].transaction == 0 ->
		advance_one(s, true);
		if
		:: slot[s].state == stopped -> commit(s)
		:: else
		fi
	:: complete && has_registered(0) && has_registered(1) ->
		tells_ = slot[0].state != prepared && slot[1].state != prepared;
		advance_one(0, tells_);
		advance_one(1, tells_);
		if
		:: slot[0].state == stopped && slot[1].state == stopped -> commit(0); commit(1)
		:: else
		fi
	:: else
	fi;
	check_together()
}
/* All or none. */
inline check_together() {
	assert(!whole || slot[0].transaction == slot[1].transaction);
	whole = whole && complete
}

/* register_replacing */
#define can_register(s, p)	(slot[s].fresh == p && (slot[s].state == preparing || slot[s].state == starting))
inline register(s, wants_again) {
	slot[s].redeliver = wants_again;
	slot[s].state = registered;
	advance(s)
}

/* hand_over */
#define can_hand_over(s, p)	(serves(s, p) && (slot[s].state == stopping || slot[s].state == prepared))
inline hand_over(s) {
	if
	:: slot[s].current != NO_CALL -> defer_current(s)
	:: else
	fi;
	slot[s].handing_over = true;
	slot[s].notice = false;
	slot[s].state = (slot[s].state == stopping -> starting : stopped);
	advance(s)
}

/* go_on_serving: the other member has not stopped yet, perhaps because it waits for an answer of this one. */
#define can_go_on(s)		(slot[s].state == stopped && slot[s].handing_over)
inline go_on(s) {
	slot[s].handing_over = false;
	slot[s].state = registered
}

/* fail: the new process ends, or time is up, or the state is refused, or another member fails. The old one goes on. */
#define can_cancel(s)		(slot[s].state != none)
inline cancel_one(s) {
	slot[s].state = none;
	slot[s].fresh = NOBODY;
	slot[s].notice = false;
	slot[s].handing_over = false;
	slot[s].redeliver = false;
	slot[s].transaction = 0;
	to_guardian = true;
	if
	:: slot[s].process == NOBODY && !slot[s].keeps -> close_slot(s)
	:: else
	fi;
	check_provider(s)
}
inline cancel(s) {
	if
	:: complete -> cancel_one(0); cancel_one(1)
	:: else -> cancel_one(s)
	fi;
	check_together()
}

/* end_slot: cancel_replacement, close_slot */
#define can_end(s)		(slot[s].alive)
inline end_slot(s) {
	slot[s].keeps = false;
	if
	:: slot[s].state != none -> cancel(s)
	:: else
	fi;
	close_slot(s)
}

/* end_process: vacate, leave_calls, server_failed; or the slot ends with its process */
#define can_die(s, p)		(slot[s].process == p)
inline die(s) {
	to_guardian = true;
	if
	:: outlives(s) ->
		slot[s].owner[slot[s].process] = false;
		slot[s].process = NOBODY;
		slot[s].notice = false;
		slot[s].handing_over = false;
		lost_ = slot[s].current;
		slot[s].current = NO_CALL;
		slot[s].unseen = false;
		if
		:: lost_ != NO_CALL && call[lost_].safe -> leave_calls(s, lost_)
		:: lost_ != NO_CALL && !call[lost_].safe -> give_answer(lost_, restarted); leave_calls(s, NO_CALL)
		:: lost_ == NO_CALL -> leave_calls(s, NO_CALL)
		fi;
		if	/* the new process registers, perhaps once more, and has the slot */
		:: slot[s].state != none -> slot[s].state = starting
		:: else
		fi
	:: else -> close_slot(s)
	fi;
	check_provider(s)
}

