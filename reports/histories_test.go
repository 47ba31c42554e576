package reports

// A ruling is what is to be said of a history in testdata: of the promise that it begins with.
type ruling struct {
	file     string
	validity Validity
	count    int    // of findings
	first    string // finding, without its time
}

// histories are all of testdata, each for one thing that a checker must see or must not take for a violation.
var histories = []ruling{
	// What is acknowledged arrives in every channel that is owed it.
	{"no-loss-good", Valid, 0, ""},
	{"no-loss-bad", Invalid, 1, "1-2: acknowledged by b1, never delivered to orders/billing"},
	{"no-loss-fanout", Invalid, 1, "1-2: acknowledged by b1, never delivered to orders/audit"},
	{"no-loss-undrained", Unknown, 1, "1-2: acknowledged by b1, never delivered to orders/billing when the drain was given up (not drained in 100ms: b1 holds 1 of orders/billing)"},
	{"no-loss-nothing", Unknown, 0, ""},
	// It comes again until it is finished; a FIN without an answer may have finished it.
	{"no-loss-unfinished", Invalid, 1, "1-1: acknowledged by b1, delivered to orders/billing and neither finished nor delivered again"},
	{"no-loss-refused", Invalid, 1, "1-1: acknowledged by b1, delivered to orders/billing and neither finished nor delivered again"},
	{"no-loss-late-fin", Valid, 0, ""},
	// A kill permits the loss of what was published before it was over, and of nothing else.
	{"no-loss-licensed", Licensed, 2, "1-2: acknowledged by b1, never delivered to orders/billing: a kill of a broker with durability memory permits its loss"},
	{"no-loss-uninflicted", Invalid, 2, "1-2: acknowledged by b1, never delivered to orders/billing"},
	{"no-loss-strict", Invalid, 2, "1-2: acknowledged by b1, never delivered to orders/billing: a kill of a broker with durability memory permits its loss"},
	{"no-loss-during-kill", Licensed, 1, "1-1: acknowledged by b1, never delivered to orders/billing: a kill of a broker with durability memory permits its loss"},
	{"no-loss-after-kill", Invalid, 1, "1-2: acknowledged by b1, never delivered to orders/billing"},
	// A crash permits something from the moment that it comes, if it comes.
	{"no-loss-crash", Licensed, 2, "1-2: acknowledged by b1, never delivered to orders/billing: a crash of a broker with durability memory permits its loss"},
	{"no-loss-crash-that-never-came", Invalid, 2, "1-2: acknowledged by b1, never delivered to orders/billing"},
	// What ends a broker that promised more permits nothing, or the loss of what was published to one of its topics.
	{"no-loss-unlicensed-end", Invalid, 2, "1-1: acknowledged by b1, never delivered to orders/billing"},
	{"no-loss-licensed-topic", Invalid, 2, "1-1: acknowledged by b1, never delivered to orders/billing: a powercut permits its loss"},
	{"no-loss-licensed-before", Invalid, 2, "1-1: acknowledged by b1, never delivered to orders/billing: a powercut permits its loss"},
	{"no-loss-channel-outlives", Invalid, 1, "1-2: acknowledged by b1, never delivered to orders/billing"},
	// A channel whose SUB was answered before the kill is not there after it.
	{"no-loss-sub-before-kill", Valid, 0, ""},
	{"no-loss-sub-after-kill", Invalid, 1, "1-2: acknowledged by b1, never delivered to orders/billing"},
	// What waits at the topic goes to the channel that comes first, and which one that is the clients cannot say.
	{"no-loss-before-any-channel", Valid, 0, ""},
	{"no-loss-to-nobody", Invalid, 1, "1-1: acknowledged by b1, never delivered to any channel of orders"},
	{"no-loss-ephemeral", Valid, 0, ""},
	{"no-loss-ephemeral-topic", Valid, 0, ""},

	// A publication that is repeated was acknowledged if any try was; what may have lost the tries before is no excuse.
	{"no-loss-republished", Valid, 0, ""},
	{"no-loss-republished-lost", Invalid, 1, "1-1: acknowledged by b1, never delivered to orders/billing"},
	{"no-loss-republished-after-kill", Invalid, 1, "1-1: acknowledged by b1, never delivered to orders/billing"},
	{"no-loss-republished-before-kill", Licensed, 1, "1-1: acknowledged by b1, never delivered to orders/billing: a kill of a broker with durability memory permits its loss"},

	{"no-phantoms-good", Valid, 0, ""},
	{"no-phantoms-bad", Invalid, 1, "1-9: c1 got a message from b1 that nobody published"},
	{"no-phantoms-cross-topic", Invalid, 1, "1-1: c1 got a message from b1 in orders/billing that was published to refunds on b1"},
	{"no-phantoms-cross-node", Invalid, 1, "1-1: c1 got a message from b1 in orders/billing that was published to orders on b2"},
	{"no-phantoms-another-run", Invalid, 1, ": c1 got a message of another run from b1"},
	{"no-phantoms-failed", Invalid, 1, "1-1: c1 got a message whose publishing had failed"},
	{"no-phantoms-failed-afterwards", Invalid, 1, "1-1: delivered to orders/billing, and then its publishing failed"},
	{"no-phantoms-republished", Valid, 0, ""}, // the try that was not refused may have arrived
	{"no-phantoms-republished-failed-afterwards", Valid, 0, ""},
	{"no-phantoms-republished-failed", Invalid, 1, "1-1: c1 got a message whose publishing had failed"},

	{"no-corruption-good", Valid, 0, ""},
	{"no-corruption-bad", Invalid, 1, ": c1 got a damaged message from b1: CRC-32C of the body is 0000aaaa, it says 0000bbbb"},

	// A timeout, a requeue, the end of a connection and a kill are causes for a second delivery.
	{"no-duplicates-good", Valid, 0, ""},
	{"no-duplicates-after-close", Valid, 0, ""},
	{"no-duplicates-after-kill", Valid, 0, ""},
	{"no-duplicates-after-kill-proved", Invalid, 1, "1-1: delivered again in orders/billing after a FIN that was proved"}, // that was noted
	{"no-duplicates-bad", Invalid, 1, "1-1: delivered again in orders/billing after 488ms, with no timeout, requeue or closed connection between"},
	{"no-duplicates-before-crash", Invalid, 1, "1-1: delivered again in orders/billing after 488ms, with no timeout, requeue or closed connection between"},
	{"no-duplicates-crash-that-never-came", Invalid, 1, "1-1: delivered again in orders/billing after 488ms, with no timeout, requeue or closed connection between"},
	{"no-duplicates-after-crash", Valid, 0, ""},
	{"no-duplicates-two-consumers", Invalid, 1, "1-1: delivered again in orders/billing after 0s, with no timeout, requeue or closed connection between"},
	{"no-duplicates-proved-fin", Invalid, 1, "1-1: delivered again in orders/billing after a FIN that was proved"},
	{"no-duplicates-slow-disk", Invalid, 1, "1-1: delivered again in orders/billing after a FIN that was proved"},
	{"no-duplicates-unproved-fin", Valid, 0, ""},
	{"no-duplicates-late-requeue", Valid, 0, ""},
	// A link that was held up delivers late and in bulk, until an answer came at once.
	{"no-duplicates-overtaken", Valid, 0, ""},
	{"no-duplicates-overtaken-at-once", Valid, 0, ""},
	{"no-duplicates-backlog", Valid, 0, ""},
	// So does one from a broker that has ended meanwhile, but not on a connection to the one that was started again.
	{"no-duplicates-outlived", Valid, 0, ""},
	{"no-duplicates-after-stop", Invalid, 1, "1-1: delivered again in orders/billing after a FIN that was proved"},
	{"no-duplicates-settled", Invalid, 1, "1-2: delivered again in orders/billing after 98ms, with no timeout, requeue or closed connection between"},
	// What was published again may come as often, and no more often, for the first time.
	{"no-duplicates-republished", Valid, 0, ""},
	{"no-duplicates-republished-again", Invalid, 1, "1-1: delivered in orders/billing as if for the first time, and so were all its 2 copies before"},
	{"no-duplicates-not-republished", Invalid, 1, "1-1: delivered again in orders/billing after 1ms, with no timeout, requeue or closed connection between"},
	// What clients do wrong holds nothing up.
	{"no-duplicates-fault-of-clients", Invalid, 1, "1-1: delivered again in orders/billing after 488ms, with no timeout, requeue or closed connection between"},

	// Attempts count deliveries; what was lost on its way, or with its connection, counts too.
	{"counts-attempts-good", Valid, 0, ""},
	{"counts-attempts-bad", Invalid, 1, "1-1: delivered in orders/billing as attempt 1 after attempt 1"},
	{"counts-attempts-zero", Invalid, 1, "1-1: delivered in orders/billing as attempt 0"},
	{"counts-attempts-skipped", Invalid, 1, "1-1: delivered in orders/billing as attempt 3 right after attempt 1"},
	{"counts-attempts-begins-late", Invalid, 1, "1-1: delivered in orders/billing for the first time as attempt 2"},
	{"counts-attempts-most", Invalid, 1, "1-1: delivered in orders/billing for the first time as attempt 65535"}, // and they stay there
	{"counts-attempts-closed", Valid, 0, ""},
	{"counts-attempts-fault-on", Valid, 0, ""},
	{"counts-attempts-ghost", Valid, 0, ""}, // a broker that does not know that a client is gone delivers to it
	{"counts-attempts-ghost-before", Valid, 0, ""},
	{"counts-attempts-ghost-is-gone", Invalid, 1, "1-1: delivered in orders/billing for the first time as attempt 2"},
	{"counts-attempts-over-kill", Valid, 0, ""},
	{"counts-attempts-after-kill-forgotten", Invalid, 1, "1-1: delivered in orders/billing as attempt 2 after attempt 2"},
	{"counts-attempts-after-kill-anew", Invalid, 1, "1-1: delivered in orders/billing as attempt 1 after attempt 2"},
	{"counts-attempts-after-kill-permitted", Valid, 0, ""},
	{"counts-attempts-after-kill-other-topic", Invalid, 1, "1-1: delivered in orders/billing as attempt 1 after attempt 2"},
	{"counts-attempts-after-kill-not-noted", Valid, 0, ""}, // a disk that failed may have kept it from being noted
	{"counts-attempts-late-requeue", Valid, 0, ""},         // it meets attempt 2, which is overtaken
	{"counts-attempts-two-copies", Unknown, 0, ""},         // not judged: each copy has its own
	{"counts-attempts-unseen", Invalid, 1, "1-1: delivered in orders/billing for the first time as attempt 2"},
	{"counts-attempts-none", Invalid, 2, "1-1: delivered in orders/billing as attempt 0"},
	{"counts-attempts-twice", Invalid, 1, "1-1: delivered in orders/billing as attempt 3 right after attempt 1"},
	{"counts-attempts-overtaken", Invalid, 1, "1-1: delivered in orders/billing as attempt 3 right after attempt 1"}, // attempt 2 would have a timeout of its own
	{"counts-attempts-after-close", Valid, 0, ""},
	{"counts-attempts-after-kill", Valid, 0, ""},
	{"counts-attempts-republished", Valid, 0, ""}, // the second copy is not judged

	{"no-early-redelivery-good", Valid, 0, ""},
	{"no-early-redelivery-bad", Invalid, 1, "1-1: delivered again in orders/billing 112ms before its timeout of 1s was over"},
	{"no-early-redelivery-touch", Invalid, 1, "1-1: delivered again in orders/billing 788ms before its timeout of 1s was over"},
	{"no-early-redelivery-touch-limit", Valid, 0, ""},
	{"no-early-redelivery-touch-sent", Valid, 0, ""},
	{"no-early-redelivery-touch-shortens", Valid, 0, ""}, // where the timeout is longer than TOUCH may hold
	{"no-early-redelivery-touch-shortens-bad", Invalid, 1, "1-1: delivered again in orders/billing 100ms before its timeout of 2s was over"},
	{"no-early-redelivery-under-delay", Unknown, 0, ""},   // not judged
	{"no-early-redelivery-after-close", Unknown, 0, ""},   // not judged
	{"no-early-redelivery-touch-refused", Unknown, 0, ""}, // not judged: not in flight any more
	{"no-early-redelivery-republished", Unknown, 0, ""},   // not judged: it may be the other copy

	// A clock that is wrong excuses what comes as early, or as late, as it makes it; a broker that lives does not go by the wall clock.
	{"no-early-redelivery-fast-clock", Valid, 0, ""},
	{"no-early-redelivery-not-so-fast-clock", Invalid, 1, "1-1: delivered again in orders/billing 112ms before its timeout of 1s was over"},
	{"no-late-redelivery-slow-clock", Valid, 0, ""},
	{"no-late-redelivery-not-so-slow-clock", Invalid, 1, "1-1: delivered again in orders/billing 588ms after its timeout, with a consumer ready"},
	{"no-early-deferral-fast-clock", Valid, 0, ""},
	{"no-early-deferral-not-so-fast-clock", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-early-deferral-others-clock", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-early-deferral-slow-clock", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-early-deferral-clock-set", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-early-deferral-clock-set-over-restart", Valid, 0, ""},
	{"no-early-deferral-clock-set-little", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-late-deferral-slow-clock", Valid, 0, ""},
	{"no-late-deferral-not-so-slow-clock", Invalid, 1, "1-1: delivered in orders/billing 699ms after its deferral was over, with a consumer ready"},
	{"no-late-deferral-clock-set-over-restart", Valid, 0, ""},
	{"no-duplicates-fast-clock", Valid, 0, ""},
	{"no-duplicates-not-so-fast-clock", Invalid, 1, "1-1: delivered again in orders/billing after 488ms, with no timeout, requeue or closed connection between"},

	{"no-late-redelivery-good", Valid, 0, ""},
	{"no-late-redelivery-bad", Invalid, 1, "1-1: delivered again in orders/billing 588ms after its timeout, with a consumer ready"},
	{"no-late-redelivery-never", Invalid, 1, "1-1: not delivered again in orders/billing, though its timeout was over at 1.012s and a consumer was ready"},
	{"no-late-redelivery-busy-consumer", Valid, 0, ""},
	{"no-late-redelivery-narrow-consumer", Unknown, 0, ""}, // not judged: it is busy, though its client believes that it is not
	{"no-late-redelivery-touch", Valid, 0, ""},
	{"no-late-redelivery-stuck-touch", Unknown, 0, ""},       // not judged: a touch may have come late, and met the second delivery
	{"no-late-redelivery-unseen", Unknown, 0, ""},            // not judged: attempt 2 was lost with its connection
	{"no-late-redelivery-fault-on", Unknown, 0, ""},          // not judged
	{"no-late-redelivery-republished", Unknown, 0, ""},       // not judged: it may be the other copy
	{"no-late-redelivery-republished-never", Unknown, 0, ""}, // not judged
	{"no-late-redelivery-finished-twice", Valid, 0, ""},      // not late: a second FIN makes no room for another message
	{"no-late-redelivery-forgotten", Valid, 0, ""},           // its timeout makes room for it at the consumer that forgot it
	{"no-late-redelivery-forgotten-late", Invalid, 1, "1-1: delivered again in orders/billing 2s after its timeout, with a consumer ready"},

	{"no-early-deferral-good", Valid, 0, ""},
	{"no-early-deferral-bad", Invalid, 1, "1-1: delivered in orders/billing 110ms before its deferral was over"},
	{"no-early-deferral-requeued", Invalid, 1, "1-1: delivered in orders/billing 113ms before its deferral was over"},
	{"no-early-deferral-lost-requeue", Unknown, 0, ""},  // not judged: its timeout was over as well
	{"no-early-deferral-which-requeue", Unknown, 0, ""}, // not judged: which of two was refused the client cannot know
	{"no-early-deferral-republished", Unknown, 0, ""},   // not judged

	{"no-late-deferral-good", Valid, 0, ""},
	{"no-late-deferral-bad", Invalid, 1, "1-1: delivered in orders/billing 589ms after its deferral was over, with a consumer ready"},
	{"no-late-deferral-requeued", Invalid, 1, "1-1: delivered in orders/billing 587ms after its deferral was over, with a consumer ready"},
	{"no-late-deferral-requeued-at-once", Invalid, 1, "1-1: delivered in orders/billing 587ms after its deferral was over, with a consumer ready"},
	{"no-late-deferral-never", Invalid, 2, "1-1: not delivered in orders/billing, though its deferral was over at 511ms and a consumer was ready"},
	{"no-late-deferral-not-ready", Valid, 0, ""},    // its RDY was 0 meanwhile
	{"no-late-deferral-fault-on", Unknown, 0, ""},   // not judged
	{"no-late-deferral-unseen", Unknown, 0, ""},     // not judged: attempt 1 was lost with its connection
	{"no-late-deferral-unanswered", Unknown, 0, ""}, // not judged: when the broker took it is not known
	{"no-late-deferral-equal-faults", Invalid, 1, "1-2: delivered in orders/billing 699ms after its deferral was over, with a consumer ready"},
	{"no-late-deferral-republished-never", Unknown, 0, ""}, // not judged
	{"no-late-deferral-republished", Unknown, 0, ""},       // not judged

	// A pause keeps back what would be delivered, from its answer on until it is to end, also in the broker's next life, unless that may have lost it.
	{"no-leak-while-paused-good", Valid, 0, ""},
	{"no-leak-while-paused-bad", Invalid, 1, "1-2: delivered in orders/billing, which is paused since 0.020s"},
	{"no-leak-while-paused-requeued", Invalid, 1, "1-1: delivered in orders/billing, which is paused since 0.015s"},
	{"no-leak-while-paused-of-another", Valid, 0, ""},
	{"no-leak-while-paused-topic", Invalid, 1, "1-2: delivered in orders/billing, though its topic is paused since 0.020s, and it was published then"},
	{"no-leak-while-paused-topic-handed-over", Valid, 0, ""},
	{"no-leak-while-paused-after-kill", Invalid, 1, "1-1: delivered in orders/billing, which is paused since 0.020s"},
	{"no-leak-while-paused-after-powercut", Valid, 0, ""},
	{"no-leak-while-paused-after-powercut-other-topic", Invalid, 1, "1-1: delivered in orders/billing, which is paused since 0.020s"},
	{"no-leak-while-paused-after-kill-not-noted", Valid, 0, ""}, // a disk that was full may have kept it from being noted
	{"no-leak-while-paused-held-up", Valid, 0, ""},
	{"no-leak-while-paused-not-any-more", Valid, 0, ""},
	{"no-leak-while-paused-perhaps-resumed", Valid, 0, ""}, // what was not answered may be carried out late
	{"no-leak-while-paused-certainly-paused-again", Invalid, 1, "1-1: delivered in orders/billing, which is paused since 0.036s"},
	{"no-leak-while-paused-refused", Unknown, 0, ""},   // not judged: there is nothing of that name
	{"no-leak-while-paused-ephemeral", Unknown, 0, ""}, // not judged: it may have come anew

	// What is late for a pause is in time.
	{"no-late-redelivery-paused", Valid, 0, ""},
	{"no-late-redelivery-after-pause", Invalid, 1, "1-1: delivered again in orders/billing 699ms after its timeout, with a consumer ready"},
	{"no-late-redelivery-topic-paused", Valid, 0, ""},
	{"no-late-redelivery-still-paused", Unknown, 0, ""}, // not judged
	{"no-late-deferral-topic-paused", Valid, 0, ""},

	// A broker counts to the RDY what its consumer has neither finished nor requeued; an RDY that is on its way does not count yet.
	{"no-overrun-good", Valid, 0, ""},
	{"no-overrun-bad", Invalid, 1, "1-3: delivered in orders/billing to c1, which then held 3 messages, with an RDY of 2"},
	{"no-overrun-none", Invalid, 3, "1-1: delivered in orders/billing to c1, which then held 1 message, with an RDY of 0"},
	{"no-overrun-less", Invalid, 1, "1-3: delivered in orders/billing to c1, which then held 3 messages, with an RDY of 2"},
	{"no-overrun-just-less", Valid, 0, ""},
	{"no-overrun-more", Valid, 0, ""},
	{"no-overrun-timed-out", Valid, 0, ""},
	{"no-overrun-held-up", Valid, 0, ""},
	{"no-overrun-held-up-too-many", Invalid, 1, "1-3: delivered in orders/billing to c1, which then held 3 messages, with an RDY of 2"},
	{"no-overrun-finished-twice", Invalid, 1, "1-4: delivered in orders/billing to c1, which then held 3 messages, with an RDY of 2"},
	{"no-overrun-reconnected", Valid, 0, ""},
	{"no-overrun-late-fin", Valid, 0, ""}, // which finishes the next delivery of the message, on its way

	// Who looks up its topic finds all that have it: again if need be, in time, and with questions that go on.
	{"finds-producers-good", Valid, 0, ""},
	{"finds-producers-bad", Invalid, 1, ": c1 has not found b1, which has orders, in 7s of looking"},
	{"finds-producers-late", Invalid, 1, ": c1 found b1 only after 6.003s of looking"},
	{"finds-producers-limit", Invalid, 1, ": c1 found b1 only after 2.003s of looking"},
	{"finds-producers-lost-again", Invalid, 1, ": c1 has not found b1, which has orders, in 6.8s of looking"},
	{"finds-producers-kept-topic", Invalid, 1, ": c1 has not found b1, which has orders, in 18s of looking"},
	{"finds-producers-after-fault", Invalid, 1, ": c1 has not found b1, which has orders, in 10s of looking"},
	{"finds-producers-away", Valid, 0, ""},
	{"finds-producers-refused", Valid, 0, ""},           // it was told where the broker is
	{"finds-producers-lingering", Unknown, 0, ""},       // not judged: the connection to the nsqlookupd may be dead
	{"finds-producers-fault-on", Unknown, 0, ""},        // not judged
	{"finds-producers-two-faults", Unknown, 0, ""},      // not judged: no time without a fault is long enough
	{"finds-producers-lost-topic", Unknown, 0, ""},      // not judged: the kill may have taken it
	{"finds-producers-ephemeral-topic", Unknown, 0, ""}, // not judged: it may end at any time
	{"finds-producers-other-topic", Unknown, 0, ""},     // not judged
	{"finds-producers-told-where", Unknown, 0, ""},      // not judged: it asks nobody

	// A channel that a new topic has elsewhere misses nothing, if that could be known, and all nsqlookupds that are asked have been told.
	{"no-missed-start-good", Valid, 0, ""},
	{"no-missed-start-bad", Invalid, 1, "1-1: acknowledged by b2, and missed by orders/billing, which was known elsewhere before"},
	{"no-missed-start-after-fault", Invalid, 1, "1-1: acknowledged by b2, and missed by orders/billing, which was known elsewhere before"},
	{"no-missed-start-born-under-fault", Invalid, 1, "1-1: acknowledged by b2, and missed by orders/billing, which was known elsewhere before"},
	{"no-missed-start-later", Valid, 0, ""}, // it is no-loss's that the last message is missing
	{"no-missed-start-undrained", Unknown, 1, "1-1: acknowledged by b2, and missed by orders/billing, when the drain was given up"},
	{"no-missed-start-other-lookupd", Unknown, 0, ""}, // not judged
	{"no-missed-start-no-lookupd", Unknown, 0, ""},    // not judged
	{"no-missed-start-not-spread", Unknown, 0, ""},    // not judged: it was there for 1.5s only
	{"no-missed-start-fault-on", Unknown, 0, ""},      // not judged
	{"no-missed-start-ended", Unknown, 0, ""},         // not judged: the broker that had it may have lost it
	{"no-missed-start-permitted", Unknown, 0, ""},     // not judged: no-loss has it
	{"no-missed-start-had-it", Unknown, 0, ""},        // not judged: the topic is as old as the channel elsewhere
	{"no-missed-start-ephemeral", Unknown, 0, ""},     // not judged

	{"latency-good", Valid, 0, ""},
	{"latency-bad", Invalid, 1, ": max is 52ms, the limit 40ms"},
	{"latency-undrained", Unknown, 0, ""},

	// What is healed drains. It is stuck if nothing moved for two timeouts and a consumer was free all the time, or if a live broker does not answer.
	{"nothing-stuck-good", Valid, 0, ""},
	{"nothing-stuck-bad", Invalid, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 1.500s"},
	{"nothing-stuck-overdue", Invalid, 1, ": b1 has in orders/billing 0 messages queued, 1 in flight at c1 since 1.500s, with its timeout over; nothing moves there since 1.250s; c1 could take 9 since 1.500s"},
	{"nothing-stuck-at-topic", Invalid, 1, ": b1 has in orders 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 1.500s"},
	{"nothing-stuck-unanswered", Invalid, 1, "1-3: p1 waits for b1 to answer 3 publications, the oldest sent at 0.500s"},
	{"nothing-stuck-moving", Unknown, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 20.000s; c1 could take 10 since 1.500s"},
	{"nothing-stuck-leaving", Unknown, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 19.250s; c1 could take 10 since 1.500s"}, // while consumers left nobody looked
	{"nothing-stuck-just-free", Unknown, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 19.500s"},
	{"nothing-stuck-busy", Unknown, 1, ": b1 has in orders/billing 1 message queued, 10 in flight at c1 since 1.500s, until 21.300s at the latest; nothing moves there since 1.250s; no consumer could take one"},
	{"nothing-stuck-touched", Unknown, 1, ": b1 has in orders/billing 0 messages queued, 1 in flight at c1 since 1.500s, until 21.300s at the latest; nothing moves there since 1.250s; c1 could take 9 since 1.500s"},
	{"nothing-stuck-paused", Unknown, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 1.500s; it may be paused"},
	{"nothing-stuck-other-paused", Invalid, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 1.500s"},
	{"nothing-stuck-deferred", Unknown, 1, ": b1 has in orders/billing 0 messages queued, 1 deferred; nothing moves there since 1.250s; c1 could take 10 since 1.500s"},
	{"nothing-stuck-at-other-topic", Unknown, 1, ": b1 has in orders 1 message queued; nothing moves there since 1.250s; no consumer could take one"},
	{"nothing-stuck-other-node", Unknown, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; no consumer could take one"},
	{"nothing-stuck-unanswered-yet", Unknown, 1, "1-3: p1 waits for b1 to answer 3 publications, the oldest sent at 0.500s"},
	{"nothing-stuck-connecting", Unknown, 1, ": c1 waits for a connection to b1 since 0.900s"},
	{"nothing-stuck-no-wait", Unknown, 0, ""},
	{"nothing-stuck-expected-others", Invalid, 1, ": b1 has in orders/billing 1 message queued; nothing moves there since 1.250s; c1 could take 10 since 1.500s"}, // judged all the same

	// A run that did nothing shows nothing.
	{"activity-good", Valid, 0, ""},
	{"activity-bad", Unknown, 4, ": c1 got nothing done"},
	{"activity-idle-client", Unknown, 1, ": c2 got nothing done"},
	{"activity-never-connected", Unknown, 1, ": p2 got nothing done: connection refused"},
	{"activity-fault-hit-nothing", Unknown, 1, ": the fault reset: c2 hit nothing"},
	{"activity-unsupported", Unknown, 1, ": the fault pause: b1 could not be inflicted: unsupported operation"},
	{"activity-no-end", Unknown, 1, ": the history has no end"},
	{"activity-unplaced", Unknown, 1, ": 4 operations could not be placed"},
	{"activity-out-of-order", Unknown, 1, ": 1 operations could not be placed"},
}
