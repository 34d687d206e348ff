//! Seeds that once failed.

/// Seeds that found a fault in the gateway, with what they found.
pub(crate) const FOUND: &[(u64, &str)] = &[
    (8, "a long text went to two phones of one person"),
    (112, "a failed message ended before its SIP transaction"),
    (343, "the same"),
    (1746, "a notification ended without a charging record"),
    (1885, "failed was notified once more behind delivered"),
    (
        4771,
        "the end of a second attempt, told twice, counted for the report",
    ),
    (5609, "a long text went to two phones behind a repetition"),
    (
        18_094,
        "none: the books took a late answer for an early one",
    ),
    (18_233, "none: the same with a notification"),
    (
        1_000_012,
        "a notification had another Message-ID behind a crash",
    ),
    (
        1_000_015,
        "a stored message had no next attempt when the database was slow",
    ),
    (1_000_033, "the same while it was on its way to a phone"),
    (
        1_000_035,
        "a short message was delivered behind its RP-ERROR",
    ),
    (
        1_000_037,
        "the row of a stored message that had ended was read again",
    ),
    (1_000_060, "RP-ERROR for a part whose message was delivered"),
    (
        1_000_193,
        "a crash lost a notification whose message was in the database",
    ),
    (
        1_000_334,
        "RP-ACK for a part that came when the time of its message was over",
    ),
    (
        1_000_401,
        "another notification behind a crash had another Message-ID",
    ),
    (
        1_000_440,
        "a part that its phone repeated was gathered and stored",
    ),
    (
        1_000_517,
        "none: the books mixed up the reports on two copies",
    ),
    (1_000_657, "none: the books did not know a second RP-ERROR"),
    (1_000_670, "the notification of a failure, as 1000401"),
    (
        1_000_744,
        "none: the books took a stored copy for a later one",
    ),
    (
        1_001_381,
        "none: the books did not see all parts in one stored message",
    ),
    (
        1_001_684,
        "none: the books took a new attempt behind a crash for a repetition",
    ),
    (
        1_002_457,
        "none: the books forgot with a crash that a stored message had all parts",
    ),
    (1_002_693, "none: the books missed a report behind a crash"),
    (
        1_002_747,
        "a crash left the last part of a long text that was to be stored",
    ),
    (
        2_000_979,
        "none: the books missed an end that a crash cut off",
    ),
    (
        3_008_186,
        "none: a single gateway was not simulated to take up later what had no place when it started",
    ),
    (
        3_008_421,
        "none: the books expected delivered of a message that its phone refused when it came again behind a crash",
    ),
    (
        3_001_834,
        "later parts of a message were in the database without an earlier one, and went out alone behind a crash",
    ),
    (
        4_000_024,
        "a node without the database heard the other one again and sent what that one had taken over",
    ),
    (
        4_000_011,
        "a node had no place for what it took over, and left it in the database",
    ),
    (
        4_000_117,
        "a node that stood still sent what it had written just before, and the other one had taken over",
    ),
    (
        5_000_029,
        "a crash lost the failure for a recipient of a list whom nobody knows",
    ),
    (5_000_268, "the same in a long list"),
    (
        5_000_009,
        "none: the books took the second answer of a person's clients for the first one",
    ),
    (
        5_000_062,
        "a list was answered 202 whose messages the database had just refused",
    ),
    (
        5_000_776,
        "none: the books missed an end that a crash cut off",
    ),
    (
        5_000_939,
        "none: the books did not know a slow process that is about to answer",
    ),
    (
        1_005_433,
        "none: the books took a part for written with the row of its message",
    ),
    (
        4_000_010,
        "a node without the database took the other one for dead still, and sent what that one had taken over",
    ),
    (
        4_000_108,
        "a report went before the response, behind a stand",
    ),
    (4_000_109, "not known: it passes since then"),
    (4_000_172, "the same"),
    (4_000_204, "the same"),
    (
        4_000_257,
        "none: the books took a message at rest for one of the node that had crashed",
    ),
    (
        4_000_268,
        "the part that a node was left with had no deadline",
    ),
    (
        4_000_412,
        "none: the books did not see that a message had its outcome",
    ),
    (
        4_000_491,
        "a part that was taken up late went before an earlier one",
    ),
    (
        4_000_582,
        "none: the books did not know that parts go as a whole without a place",
    ),
    (
        4_000_585,
        "a part that came again and could not be written was answered by nobody",
    ),
    (
        4_000_599,
        "none: the books did not know that another node is told late that a message has failed",
    ),
    (4_000_748, "202 for a message that was refused just before"),
    (
        4_000_962,
        "a part of a stored message went although its node was cut off",
    ),
    (
        4_000_155,
        "the row of a part was not written again when the message of the part was refused late",
    ),
    (
        2_001_567,
        "none: the books awaited a report on a request that its phone had given up, and sent anew, before its 202",
    ),
    (2_002_689, "the same"),
    (2_006_170, "the same"),
    (
        2_002_304,
        "none: the simulation forgot what had no place after a start",
    ),
    (
        3_000_448,
        "behind a crash, parts were dropped before their last one could come again",
    ),
    (
        4_000_025,
        "none: the books took the crash of another node for the one that a sender waits at",
    ),
    (
        4_000_529,
        "messages overtook one that stood between two parts of another message, taken up late",
    ),
    (
        4_000_660,
        "a node that was cut off sent a lost RP report once more",
    ),
    (
        4_000_773,
        "what a node took over had the serial number of an exchange of its own, and its row went",
    ),
    (
        4_000_987,
        "none: the books took the RP-ACK of another node for the one on the whole message",
    ),
    (
        5_000_683,
        "none: the books forgot with a crash that a stored message had all parts",
    ),
    (
        5_000_859,
        "none: the books forgot with a crash that a message had failed",
    ),
    (
        5_000_987,
        "none: the books did not know that the row of a late transaction goes at once",
    ),
    (
        4_001_163,
        "none: the books forgot an outcome whose row was found once more",
    ),
    (
        4_001_183,
        "none: the books forgot with a crash that a stored message had all parts",
    ),
    (
        4_001_313,
        "none: the simulated host took a report that a crash cut off",
    ),
    (
        4_001_567,
        "a node that stood still ended a message as failed that the other one delivered",
    ),
    (
        4_002_648,
        "none: the books took the rows of parts for parts whose stored message has not ended",
    ),
    (
        4_003_124,
        "none: the books did not know that the row of a message has its RP-MR",
    ),
    (
        4_003_617,
        "none: the books forgot a report with the take-over of the stored message",
    ),
    (
        4_003_624,
        "the outcome of a later attempt was forgotten as early as the first one, and the message was delivered twice",
    ),
    (
        4_003_629,
        "none: the books did not know that the row of a message has its RP-MR",
    ),
    (
        4_004_453,
        "none: the books did not know a process that sends late because its node stood still",
    ),
    (
        4_004_970,
        "none: the books counted the reports of another node, which a row does not know",
    ),
    (
        4_004_971,
        "none: the books did not know a message that comes back from the other node behind a later one",
    ),
    (
        4_005_094,
        "the end of an attempt, told twice, counted for the next one when the database had not taken the failure",
    ),
    (
        4_006_270,
        "a part failed before the last one was taken up, which then went alone",
    ),
    (
        4_006_327,
        "none: the books took what another node has heard of a client for the node's own knowledge",
    ),
    (
        4_006_577,
        "none: the books did not know that the row of a message has its RP-MR",
    ),
    (
        4_007_148,
        "the end of an attempt, told twice, counted for the next one when the database had not taken the failure",
    ),
    (
        4_007_164,
        "none: the books did not know a message that comes back from the other node behind a later one",
    ),
    (
        4_007_725,
        "a part that was not written outlived its message, three times",
    ),
    (
        4_008_095,
        "none: the books did not know a process that sends late because its node stood still",
    ),
    (
        4_008_326,
        "a later part of a message went before an earlier one that was taken up behind it",
    ),
    (
        4_008_639,
        "the end of an attempt, told twice, counted for the next one when the database had not taken the failure",
    ),
    (
        4_008_652,
        "none: the books took a report at a node that was cut off for one at the node that has the message",
    ),
    (
        4_009_231,
        "none: the books did not know a process that stood still with the RP-ACK before it said 200",
    ),
    (
        4_009_340,
        "a part that was not written outlived its message, which another node had taken over",
    ),
    (
        4_009_552,
        "a part that was not written outlived its message, which another node had taken over",
    ),
    (
        4_005_700,
        "a node without the database kept what the other one had taken over and ended, because the row with its claim was still to be written",
    ),
    (4_009_063, "the same"),
    (
        5_001_147,
        "none: the books took a notification that goes once more for a new one",
    ),
    (
        5_001_205,
        "a crash lost a notification that was sent without a place",
    ),
    (
        5_004_846,
        "behind a crash, the second part of a long text went to another phone, because the row did not know the attempt",
    ),
    (
        5_005_707,
        "a crash left the last part of a message that had failed",
    ),
    (
        6_000_017,
        "without a store, a part for a phone that was away got RP-ACK and was lost",
    ),
    (
        6_000_023,
        "a stored short message of a phone went in another alphabet",
    ),
    (
        6_000_064,
        "RP-ACK for a short message that had just left, and that nobody had",
    ),
    (
        6_000_199,
        "the last part of a failed message came again when the other parts were gone, and was delivered alone",
    ),
    (
        6_000_235,
        "a late part of a message was taken for a new message while the first parts could not be stored",
    ),
    (
        6_000_294,
        "none: the books did not count a status report on each copy of a part that the gateway had forgotten",
    ),
    (
        6_000_298,
        "none: the books did not know RP-ERROR on a part that the small memory for parts has forgotten, and for which there is no place",
    ),
    (
        6_000_306,
        "none: the books forgot the first copy of a part that was accepted without a report, when the gateway had forgotten its outcome",
    ),
    (6_000_366, "the same"),
    (6_000_568, "the same"),
    (6_000_581, "the same"),
    (
        6_000_430,
        "none: the books took a part that its sender sends anew, because it heard RP-ERROR before a crash, for the one behind the crash",
    ),
    (
        6_000_551,
        "none: the books took RP-ERROR on a part that its sender sends anew for one on the part that came again behind a crash",
    ),
    (
        6_002_288,
        "the parts of a failed message ended before its last part came again: each part that was taken up had a deadline of its own",
    ),
    (
        6_007_451,
        "behind a crash, the parts of a message that was stored as a whole were stored again",
    ),
    (
        6_003_947,
        "a part of a message that had failed got RP-ACK when it came again, and nobody had it",
    ),
    (
        6_001_332,
        "the newer outcome of a part, or the loss of its report, was forgotten as early as the first one",
    ),
    (6_001_385, "the same"),
    (6_003_196, "the same"),
    (6_003_923, "the same"),
    (6_004_069, "the same"),
    (6_004_890, "the same"),
    (6_009_993, "the same"),
    (
        6_002_986,
        "none: the books did not know RP-ERROR on a part that its sender sends anew, when a copy of the first request was taken behind a crash",
    ),
    (
        6_002_776,
        "none: the books did not know RP-ERROR on a request of before a crash that comes again when its sender has asked with another reference",
    ),
    (
        6_009_219,
        "a part that was written just then came back behind the message that it had become",
    ),
    (
        7_000_007,
        "a status report before the RP-ACK on its message was forgotten",
    ),
    (
        7_000_144,
        "a crash among the parts of a message for the service centre led to a false delivered",
    ),
    (
        7_000_119,
        "none: the books took the second attempt of an RP-ACK on a status report for another RP-ACK",
    ),
    (
        7_001_596,
        "a status report counted for an earlier message with the same TP-MR, which had none yet",
    ),
    (
        7_001_710,
        "behind a crash, the second part of a long text went to another phone of one person",
    ),
    (
        7_002_651,
        "none: the books counted a status report that a crash cut off before its RP-ACK; it came again behind another one",
    ),
    (
        7_009_723,
        "none: the books forgot with a crash that a message for the service centre had failed",
    ),
    (
        7_003_399,
        "none: a message whose request was lost has the TP-MR of one that a crash has cut off; the books did not take them for confused",
    ),
    (
        7_004_418,
        "none: behind a crash the gateway knows no more that a message for the service centre has failed, and a status report counts",
    ),
    (7_004_531, "the same"),
    (
        7_003_906,
        "none: a status report on the second copy of a request that the service centre has refused; the gateway asks again",
    ),
    (7_004_586, "the same"),
    (7_006_517, "the same"),
    (7_002_025, "the same: it says that a part is lost"),
    (
        7_003_953,
        "none: the books did not know that a sender asks with another reference behind RP-ERROR on one of two copies, which has no place",
    ),
    (7_005_734, "the same"),
    (
        7_009_659,
        "none: behind a crash, the first request was delivered after the second one, which then came again",
    ),
    (
        7_009_004,
        "none: RP-ACK without In-Reply-To on a message of before a crash has the RP-MR of another one, whose next part went out",
    ),
    (
        7_005_571,
        "none: the books did not know that an RP-ERROR is forgotten in a crash, and that a status report counts",
    ),
    (
        7_000_214,
        "none: the books counted a status report on a part that the gateway sends again behind an RP-ERROR",
    ),
    (
        5_008_509,
        "behind a crash that cut off the row of an attempt at another contact, the later parts went to the first contact: now a Call-ID names the contact",
    ),
];
