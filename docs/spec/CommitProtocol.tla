--------------------------- MODULE CommitProtocol ---------------------------
(***************************************************************************)
(* How rows and offsets get into a table exactly once: two workers that    *)
(* both believe the partition to be theirs, another engine, lost answers,  *)
(* puts that land late, crashes. See README.md beside this file.           *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Workers,
  MaxForeign,   \* commits of the other engine and of the operator
  MaxLost,      \* answers that get lost
  MaxCrash,     \* crashes
  MaxPlans,     \* batches that are planned, those thrown away among them
  \* Breakages; all FALSE in the protocol.
  NoCompare,    \* bases are not compared with the table's txn
  BlindUnion,   \* deletion vectors are united without a look at the base
  BlindPut,     \* a lost answer is taken for a failure, and the commit put again
  EarlyAck,     \* acknowledged before the commit
  IgnoreMoved,  \* a winner that moved rows to another file is carried over
  IgnoreRestore \* what another engine restored is written over

(* The stream: what event n upserts. Keys a and b have a row in the table already. *)
Events == <<"a", "c", "a">>
N == Len(Events)

(* A row is named by what wrote it: an event's number, or 10 and 20 for the first rows of a and b. *)
KeyOf(row) == CASE row = 10 -> "a" [] row = 20 -> "b" [] OTHER -> Events[row]
Keys == {"a", "b", "c"}

(* A version of the table: rows in its files, rows that deletion vectors mark, a generation that changes as the *)
(* files are rewritten, the offset it holds, and what made it.                                                  *)
Live(v) == v.rows \ v.dead

VARIABLES
  log,      \* the versions; only ever appended to
  flights,  \* puts whose sender got no answer, and that may still land
  worker,   \* what each worker knows and does
  ack,      \* the offset that was acknowledged
  gone,     \* rows that the other engine deleted
  foreign, lost, crashes, ids

vars == <<log, flights, worker, ack, gone, foreign, lost, crashes, ids>>

Last == log[Len(log)]

Blank == [pc |-> "idle", snap |-> 0, id |-> 0, adds |-> {}, marks |-> {}, base |-> {}, gen |-> 0,
          from |-> 0, next |-> 0]

Init ==
  /\ log = <<[rows |-> {10, 20}, dead |-> {}, gen |-> 0, txn |-> 0, id |-> 0, kind |-> "create",
              claimed |-> {}, added |-> {}]>>
  /\ flights = {}
  /\ worker = [w \in Workers |-> Blank]
  /\ ack = 0 /\ gone = {}
  /\ foreign = 0 /\ lost = 0 /\ crashes = 0 /\ ids = 0

(* A restore that nobody has accepted. *)
Unsettled(upto) ==
  \E r \in 1..upto : /\ log[r].kind = "restore"
                     /\ \A s \in (r + 1)..upto : log[s].kind # "accept"

(* --- a worker ---------------------------------------------------------- *)

(* Reads the newest version and plans the events from its txn on; a zombie that skips the comparison plans from where *)
(* it believes to be.                                                                                                 *)
Plan(w) ==
  /\ worker[w].pc = "idle"
  /\ ids < MaxPlans
  /\ IF ~IgnoreRestore /\ Unsettled(Len(log))
     THEN /\ worker' = [worker EXCEPT ![w].pc = "stopped"]
          /\ UNCHANGED <<ids, ack>>
     ELSE LET at == IF NoCompare THEN worker[w].next ELSE Last.txn IN
          /\ at < N
          /\ \E next \in (at + 1)..N :
               LET range == (at + 1)..next
                   final == {e \in range : \A f \in range : (f > e) => Events[f] # Events[e]}
                   keys == {Events[e] : e \in range}
               IN /\ worker' = [worker EXCEPT ![w] =
                        [pc |-> "staged", snap |-> Len(log), id |-> ids + 1, adds |-> final,
                         marks |-> {r \in Live(Last) : KeyOf(r) \in keys},
                         base |-> Last.dead, gen |-> Last.gen, from |-> at, next |-> next]]
                  /\ ids' = ids + 1
                  /\ ack' = IF EarlyAck /\ next > ack THEN next ELSE ack
  /\ UNCHANGED <<log, flights, gone, foreign, lost, crashes>>

(* The version that a staged commit makes of the one before it. *)
Made(s, before) ==
  [rows |-> before.rows \cup s.adds,
   \* Marks lie on a file: if it is there no more, they mark nothing.
   dead |-> before.dead \cup (IF s.gen = before.gen THEN s.marks ELSE {})
                        \cup (IF BlindUnion /\ s.gen = before.gen THEN s.base ELSE {}),
   gen |-> before.gen, txn |-> s.next, id |-> s.id, kind |-> "sink",
   claimed |-> s.marks, added |-> s.adds]

Lands(s) == Len(log) = s.snap /\ log' = Append(log, Made(s, Last))

Put(w) ==
  LET s == worker[w] IN
  /\ s.pc = "staged"
  /\ \/ /\ Lands(s)
        /\ worker' = [worker EXCEPT ![w].pc = "landed"]
        /\ UNCHANGED <<flights, lost>>
     \/ /\ Len(log) # s.snap
        /\ worker' = [worker EXCEPT ![w].pc = "beaten"]
        /\ UNCHANGED <<log, flights, lost>>
     \/ /\ lost < MaxLost       \* no answer: it is on its way, and may land at any time, or never
        /\ lost' = lost + 1
        /\ flights' = flights \cup {s}
        /\ worker' = [worker EXCEPT ![w].pc = IF BlindPut THEN "beaten" ELSE "unknown"]
        /\ UNCHANGED log
  /\ UNCHANGED <<ack, gone, foreign, crashes, ids>>

LandLate ==
  \E s \in flights :
    /\ flights' = flights \ {s}
    /\ IF Len(log) = s.snap THEN Lands(s) ELSE UNCHANGED log
    /\ UNCHANGED <<worker, ack, gone, foreign, lost, crashes, ids>>

(* Looks what stands at the version it wanted. *)
LookUp(w) ==
  LET s == worker[w] IN
  /\ s.pc = "unknown"
  /\ worker' = [worker EXCEPT ![w].pc =
        IF Len(log) = s.snap THEN "staged"
        ELSE IF log[s.snap + 1].id = s.id THEN "landed" ELSE "beaten"]
  /\ UNCHANGED <<log, flights, ack, gone, foreign, lost, crashes, ids>>

(* Carries the staged commit over the winner, or throws it away. *)
Rebase(w) ==
  LET s == worker[w]
      winner == log[s.snap + 1]
      clean == /\ (NoCompare \/ BlindPut \/ winner.txn = log[s.snap].txn)
               /\ (IgnoreRestore \/ winner.kind # "restore")
               /\ (IgnoreMoved \/ winner.gen = s.gen)
               /\ (BlindUnion \/ (s.base \subseteq winner.dead /\ (winner.dead \ s.base) \cap s.marks = {}))
               /\ (NoCompare \/ BlindPut \/ s.adds \cap winner.rows = {})
  IN
  /\ s.pc = "beaten"
  /\ Len(log) > s.snap
  /\ worker' = [worker EXCEPT ![w] =
        IF clean THEN [s EXCEPT !.pc = "staged", !.snap = s.snap + 1, !.base = winner.dead]
        ELSE [Blank EXCEPT !.next = s.from]]
  /\ UNCHANGED <<log, flights, ack, gone, foreign, lost, crashes, ids>>

Acknowledge(w) ==
  LET s == worker[w] IN
  /\ s.pc = "landed"
  /\ ack' = IF s.next > ack THEN s.next ELSE ack
  /\ worker' = [worker EXCEPT ![w] = [Blank EXCEPT !.next = s.next]]
  /\ UNCHANGED <<log, flights, gone, foreign, lost, crashes, ids>>

Crash(w) ==
  /\ crashes < MaxCrash
  /\ worker[w].pc # "idle"
  /\ crashes' = crashes + 1
  \* What was on its way may land after the sender is gone.
  /\ flights' = flights \cup (IF worker[w].pc = "staged" THEN {worker[w]} ELSE {})
  /\ worker' = [worker EXCEPT ![w] = [Blank EXCEPT !.next = Last.txn]]
  /\ UNCHANGED <<log, ack, gone, foreign, lost, ids>>

(* --- others ------------------------------------------------------------ *)

Other(version, deleted) ==
  /\ foreign < MaxForeign
  /\ foreign' = foreign + 1
  /\ log' = Append(log, [version EXCEPT !.id = 0, !.claimed = {}, !.added = {}])
  /\ gone' = gone \cup deleted
  /\ UNCHANGED <<flights, worker, ack, lost, crashes, ids>>

(* Rewrites the files without the marked rows; no row changes. *)
Optimize == Other([Last EXCEPT !.rows = Live(Last), !.dead = {}, !.gen = @ + 1, !.kind = "optimize"], {})

(* Deletes one row, by a mark. *)
Delete ==
  \E r \in Live(Last) : Other([Last EXCEPT !.dead = @ \cup {r}, !.kind = "delete"], {r})

(* Brings rows and files of an older version back; txn stays. *)
Restore ==
  \E v \in 1..(Len(log) - 1) :
    /\ Live(log[v]) # Live(Last)
    /\ Other([log[v] EXCEPT !.txn = Last.txn, !.gen = Last.gen + 1, !.kind = "restore"], {})

(* An operator says that the table as it is now is wanted: sluice offsets accept --rewind. *)
Accept ==
  /\ Unsettled(Len(log))
  /\ Other([Last EXCEPT !.kind = "accept"], {})

Done == (Last.txn = N \/ Unsettled(Len(log))) /\ UNCHANGED vars

Work(w) == Plan(w) \/ Put(w) \/ LookUp(w) \/ Rebase(w) \/ Acknowledge(w)

Next ==
  \/ \E w \in Workers : Work(w) \/ Crash(w)
  \/ LandLate \/ Optimize \/ Delete \/ Restore \/ Accept
  \/ Done

Spec == Init /\ [][Next]_vars /\ \A w \in Workers : WF_vars(Work(w))

(* --- promises ---------------------------------------------------------- *)

Sinks == {v \in 2..Len(log) : log[v].kind = "sink"}
Restored == \E v \in 1..Len(log) : log[v].kind = "restore"

(* The offset that the table holds never goes back. *)
TxnForward == \A v \in 2..Len(log) : log[v].txn >= log[v - 1].txn

(* Each event is in one commit only, and none is passed over: a row is put in by the commit of its offset. *)
ExactlyOnce ==
  /\ \A v \in Sinks : log[v].txn > log[v - 1].txn
  /\ \A v \in Sinks : \A r \in log[v].added : r > log[v - 1].txn /\ r <= log[v].txn

(* The table is what the events up to its offset make of it, less what others deleted. *)
Expected(t) ==
  LET written == {10, 20} \cup (1..t)
      newest(k) == {r \in written : KeyOf(r) = k /\
                      \A s \in written : (KeyOf(s) = k /\ s # r) =>
                        (s > 9 \/ (r <= 9 /\ s < r))}
  IN UNION {newest(k) : k \in Keys}
Content == ~Restored => Live(Last) = Expected(Last.txn) \ gone

(* A commit takes out rows that stood, and raises none: so its change feed is true. *)
FeedTrue ==
  \A v \in Sinks : /\ log[v].claimed \subseteq Live(log[v - 1])
                   /\ Live(log[v]) = (Live(log[v - 1]) \ log[v].claimed) \cup log[v].added

(* What another engine restored is never written over unasked. *)
RestoreRespected ==
  \A v \in Sinks : \A r \in 1..(v - 1) :
    log[r].kind = "restore" => \E s \in (r + 1)..(v - 1) : log[s].kind = "accept"

(* Nothing is acknowledged that the table does not hold. *)
AckHeld == ack <= Last.txn

(* Everything gets in, unless somebody restored the table and nobody has said that this is wanted. *)
(* Checked by reading: the bounds end a history before fairness does. *)
Progress == <>(Last.txn = N \/ Unsettled(Len(log)) \/ ids = MaxPlans)
Alike == Permutations(Workers)
=============================================================================
