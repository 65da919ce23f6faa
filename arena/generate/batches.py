"""The run of missing calls through batch services: send, wait, store, and go on."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from arena.base.errors import InputError, warn
from arena.base.output import unfailing_output
from arena.batch.lines import identity_hash
from arena.batch.results import Result, results_in
from arena.batch.service import GONE, QueueFull, Status
from arena.batch.services import CHECKED, service_of, terms_of
from arena.batch.state import CREATING, ENDED, OPEN, Batch, batches_of
from arena.batch.waves import Waves, elsewhere
from arena.chat.budget import COST_LIMIT, INTERRUPTED, NANO, stopping
from arena.chat.calls import PASSING, is_empty
from arena.chat.faults import CompletionError
from arena.chat.parameters import Refusals
from arena.chat.protocols import Completion, Request
from arena.generate import summary
from arena.generate.progress import Display, age_of, are_running
from arena.generate.run import connections_of, graceful_stop, main_thread_call, run, take
from arena.generate.work import Job, RunOptions, Session, Work

# What may follow --batch. RUN sends, waits and stores.
RUN, SUBMIT, STATUS, FETCH, CANCEL = ("run", "submit", "status", "fetch", "cancel")

# Seconds between two looks at batches whose service asks for no other time, in the first minutes
# and later.
FIRST_WAIT, WAIT = 30.0, 60.0
FIRST_MINUTES = 600.0
LONGEST_WAIT = 600.0  # that a service may ask for
TRIES = 3  # of a request in one run, after faults that may pass


@dataclass
class Lane:
    """The batches of one model: the tries of each request in this run, and why no more are
    sent, if so.
    """

    waves: Waves[Job]
    tries: Counter[str] = field(default_factory=Counter)
    problem: str = ""

    @property
    def name(self) -> str:
        """The model that is asked."""
        return self.waves.service.model.name

    @property
    def waiting(self) -> int:
        """The number of jobs that are not sent."""
        return sum(map(len, self.waves.waiting.values()))

    @property
    def goes_on(self) -> bool:
        """Whether batches are running, or jobs can be sent later."""
        return bool(self.waves.running or (self.waiting and not self.problem))


@unfailing_output()
def complete_in_batches(works: Sequence[Work], options: RunOptions) -> int:
    """Do with all missing replies what `options.batch` says, and return the exit status. Models
    without a batch service are asked live.
    """
    summary.check_report_path(options.report)
    if options.dry_run:
        return _print_estimates(works)
    if options.batch in (STATUS, CANCEL):
        return _look_after(works, options)
    connections = connections_of(works)
    with Session(works, options) as session:
        batches = BatchRun(session, options, connections)
        with graceful_stop() as signals:
            batches.run()
            session.close()
    is_fetched = options.batch == FETCH and not any(s.in_batches for s in session.summaries)
    status = session.conclude(f"{options.command} --batch" if is_fetched else None)
    is_sent = not any(s.failures or s.not_begun for s in session.summaries)
    if options.batch == SUBMIT and is_sent and not session.errors:
        status = 0
    return 128 + signals[0] if status and signals else status


def _print_estimates(works: Sequence[Work]) -> int:
    """Print what a run would take at the price of batches."""
    factors = {}
    for work in works:
        terms, meter = terms_of(work.model), work.summary.meter
        if terms is not None:
            factors[work.model.api_type] = terms.price
            meter.rates = round(meter.rates[0] * terms.price), round(meter.rates[1] * terms.price)
    summary.print_estimates([(work.summary, work.estimate(work.plan())) for work in works])
    for api_type, price in factors.items():
        print(f"{api_type}: {price:.0%} of the live price (checked {CHECKED})")
    return 0


class BatchRun:
    """The batches of all models of a run."""

    def __init__(self, session: Session, options: RunOptions, connections: int) -> None:
        self.session, self.options, self.connections = session, options, connections
        self.live: list[Job] = []
        self.lanes: list[Lane] = []
        self.display = Display(options.quiet)
        jobs: dict[str, dict[str, deque[Job]]] = {}
        models = {work.model.name: work.model for work in session.works}
        for work in session.works:
            jobs.setdefault(work.model.name, {})[work.record_name] = deque()
        for job in session.plan():
            jobs[job.work.model.name][job.work.record_name].append(job)
        for name, model in models.items():
            if (service := service_of(model)) is None:
                for batch in batches_of(options.bench.folder):
                    if batch.records in jobs[name] and batch.phase in OPEN:
                        place = f"{model.api_type}, which has no batches"
                        raise elsewhere(batch, model, place)
                self.live += chain(*jobs[name].values())
                continue
            if options.batch != FETCH:
                service.check()
            folder, budget = options.bench.folder, options.budget
            waves = Waves(service, folder, budget, self.ask, self.wanted, jobs[name])
            waves.adopt()
            session.errors += waves.problems
            for batch, number in waves.left_out:
                problem = "for replies that this run does not ask for"
                advice = "Run with the flags and questions that it was sent with to"
                self._pass_over(batch, number, problem, advice)
            for batch, number in waves.outdated:
                problem = "made with other settings or prompts"
                self._pass_over(batch, number, problem, "Set them back to")
            self.lanes.append(Lane(waves))

    def _pass_over(self, batch: Batch, number: int, problem: str, advice: str) -> None:
        """Warn that replies of a batch are not stored, or raise InputError if no flag says so."""
        problem = f"{batch.folder}: {summary.number_of(number, 'request')} {problem}"
        if self.options.stale is None:
            advice = f"{advice} store the replies, or give those up with --stale redo"
            raise InputError(f"{problem}. {advice}.")
        warn(f"{problem}. The replies are not stored.")

    def wanted(self, records: str) -> set[str]:
        """Return the hashes of all replies wanted in a file of records."""
        works = (work for work in self.session.works if work.record_name == records)
        return {identity_hash(identity) for work in works for identity in work.wanted()}

    def ask(self, job: Job) -> tuple[str, Request, int]:
        """Return the id of a job's next call, the call, and the most that it can cost."""
        work, request = job.work, job.work.request(job)
        most = work.summary.meter.most_of(request.messages, request.max_tokens)
        terms = terms_of(work.model)
        return work.custom_id(job, request), request, math.ceil(most * terms.price if terms else 0)

    def run(self) -> None:
        """Go through the waves until nothing is left to do."""
        sends = self.options.batch != FETCH
        if sends and self.live:
            names = ", ".join(dict.fromkeys(job.work.model.name for job in self.live))
            self.display.say(f"asked live, as their api_type has no batches: {names}")
        while not stopping.is_set():
            for lane in self.lanes if sends else ():
                self.send(lane)
            if sends and self.live:
                self.ask_live(self.live)
                self.live = []
            if self.options.batch == SUBMIT:
                break
            end = time.monotonic() + self.look()
            if self.options.batch == FETCH or not any(lane.goes_on for lane in self.lanes):
                break
            while (left := end - time.monotonic()) > 0 and not stopping.wait(min(left, 0.2)):
                pass
        self.end()

    def ask_live(self, jobs: Sequence[Job]) -> CompletionError | None:
        """Make calls at once, and return the error of the last one that failed."""
        error = None
        for outcome in run(jobs, self.connections):
            take(self.session, outcome)
            if outcome is not None and outcome.error is not None:
                error = outcome.error
        return error

    def send(self, lane: Lane) -> None:
        """Send what the service, the queue and the budget allow."""
        waves = lane.waves
        if lane.problem or not lane.waiting:
            return
        # Batches that are over give back what they did not cost.
        may_be_given_money = any(lane.waves.running for lane in self.lanes)
        if not waves.is_known:
            if may_be_given_money and not self.can_try_one(lane):
                return
            self.try_one(lane)
        try:
            with main_thread_call():
                while not (stopping.is_set() or lane.problem) and (batch := waves.send()):
                    requests = summary.number_of(batch.requests, "request")
                    self.display.say(f"{batch.label}: sent with {requests}")
            is_running = may_be_given_money or waves.running
            if lane.waiting and not (is_running or lane.problem or stopping.is_set()):
                limit = (self.options.budget.limit or 0) / NANO
                lane.problem = f"the next batch could pass --max-cost {limit:g}"
                error = CompletionError(COST_LIMIT, lane.problem, final=True)
                for job in chain(*waves.waiting.values()):
                    job.work.summary.fail(error, job.id)
        except QueueFull as full:
            self.display.say(f"{lane.name}: smaller batches, as the queue is full: {full}")
        except CompletionError as error:
            lane.problem = str(error)
            if error.cause != INTERRUPTED:
                self.session.errors.append(f"{lane.name}: cannot send a batch: {error}")

    def can_try_one(self, lane: Lane) -> bool:
        """Whether the budget allows a live call of a lane now."""
        job = next(jobs[0] for jobs in lane.waves.waiting.values() if jobs)
        request = job.work.request(job)
        most = job.work.summary.meter.most_of(request.messages, request.max_tokens)
        return self.options.budget.allows(most)

    def try_one(self, lane: Lane) -> None:
        """Make one call live before the first batch, to learn which parameters the model refuses.
        In a batch a refusal is seen hours later, of all requests at once.
        """
        waiting = next(jobs for jobs in lane.waves.waiting.values() if jobs)
        error = self.ask_live([waiting.popleft()])
        if error is not None and not error.of_prompt:
            lane.problem = str(error)
        lane.waves.is_known = True

    def look(self) -> float:
        """Look at all batches, store the replies of those that are over, and return the seconds
        until the next look.
        """
        waits = []
        states: list[tuple[Batch, Status]] = []
        for lane in self.lanes:
            for batch, jobs in list(lane.waves.running):
                if stopping.is_set():
                    return 0.0
                try:
                    with main_thread_call():
                        status = lane.waves.look(batch)
                except CompletionError as error:
                    if error.cause not in PASSING:
                        lane.problem = lane.problem or str(error)
                        advice = f". Delete {batch.folder} to ask again what it had."
                        problem = f"{error}{advice if error.cause == GONE else ''}"
                        self.session.errors.append(f"{batch.label}: {problem}")
                        lane.waves.leave(batch)
                        continue
                    status = Status(str(error), retry_after=error.retry_after)
                if status.has_failed:
                    self.take_back(lane, batch, jobs, status)
                elif status.is_over:
                    self.store(lane, batch, jobs)
                else:
                    states.append((batch, status))
                    is_young = time.time() - batch.created < FIRST_MINUTES
                    waits.append(
                        min(status.retry_after, LONGEST_WAIT) or (FIRST_WAIT if is_young else WAIT)
                    )
        has_new = any(lane.waiting and not lane.waves.is_full for lane in self.lanes)
        seconds = 0.0 if has_new and not states else min(waits, default=FIRST_WAIT)
        self.display.show(states, seconds)
        return seconds

    def take_back(self, lane: Lane, batch: Batch, jobs: dict[str, Job], status: Status) -> None:
        """Let the jobs of a batch wait again of which the service ran none."""
        place, keys = "", dict(enumerate(batch.ids(), start=1))
        if (key := keys.get(status.line or 0)) is not None:
            place = f" (request {key}" + (f", {jobs[key].id})" if key in jobs else ")")
        lane.waves.put_back(batch, jobs)
        if status.queue_full is not None:
            lane.waves.shrink(batch, status.queue_full)
            return
        lane.problem = status.problem
        problem = f"the service refuses it: {status.problem}{place}"
        self.session.errors.append(f"{batch.label}: {problem}")

    def store(self, lane: Lane, batch: Batch, jobs: dict[str, Job]) -> None:
        """Store the replies of a batch. Requests without a result are asked again: by this run if
        the batch was completed, else by the next one.
        """
        for result in results_in(batch.result_file, lane.waves.service.model):
            # Whatever is not waited for came twice, is stored already, or is not ours.
            if job := jobs.pop(result.custom_id, None):
                self.take(lane, batch, job, result)
            if stopping.is_set():
                return
        for key in list(jobs):
            job = jobs.pop(key)
            cause = batch.word.lower() if batch.word.lower() in summary.NOT_RUN else "no result"
            error = CompletionError(cause, f"{batch.label} has no line for this request")
            if cause != "no result" or not self._again(lane, key, job):
                job.work.summary.fail(error, job.id)
        self.session.sync(now=True)
        if not stopping.is_set():
            lane.waves.close(batch)

    def take(self, lane: Lane, batch: Batch, job: Job, result: Result) -> None:
        """Store one result, and let the job wait again if it needs another call."""
        work, reply, key = job.work, result.reply, result.custom_id
        request = work.request(job)
        meter, terms = work.summary.meter, lane.waves.service.terms
        meter.count(reply, meter.most_of(request.messages, request.max_tokens), terms.price)
        if isinstance(reply, Completion):
            if is_empty(reply) and self._again(lane, key, job):
                return
            refusals = Refusals(work.model, frozenset(batch.refused), batch.limit)
            not_sent = refusals.not_sent(request)
            completion = replace(reply, not_sent=not_sent, batch=batch.batch_id)
            stored, rest = work.take(job, completion)
            self.session.store(job, stored)
            if rest is not None:
                lane.waves.waiting[work.record_name].append(rest)
        elif (stored := work.give_up(job, reply)) is not None:
            self.session.store(job, stored)
        elif reply.cause not in PASSING or not self._again(lane, key, job):
            work.summary.fail(reply, job.id)

    def _again(self, lane: Lane, key: str, job: Job) -> bool:
        """Let a job wait for the next batch, and return False if it had its tries in this run."""
        lane.tries[key] += 1
        can_go_on = lane.tries[key] < TRIES and self.options.batch == RUN
        if can_go_on:
            lane.waves.waiting[job.work.record_name].append(job)
        return can_go_on

    def end(self) -> None:
        """Say how to go on with batches that are still running."""
        self.display.close()
        running = [pair for lane in self.lanes for pair in (*lane.waves.left, *lane.waves.running)]
        for _, jobs in running:
            for job in jobs.values():
                job.work.summary.in_batches += 1
        if running:
            command = f"  {self.options.command} --batch"
            self.display.say(f"{are_running(len(running))} at the service. To go on, run one of:")
            self.display.say(f"{command}           (waits, stores the replies, sends the rest)")
            self.display.say(f"{command} fetch     (stores the replies that are there)")
            self.display.say(f"{command} cancel    (stops the service)")


def _look_after(works: Sequence[Work], options: RunOptions) -> int:
    """Print how far the batches of some works are, or cancel them, and return the exit status."""
    by_name = {work.record_name: work for work in works}
    open_batches = [
        (batch, by_name[batch.records])
        for batch in batches_of(options.bench.folder)
        if batch.records in by_name and batch.phase in OPEN
    ]
    if not open_batches:
        print("no batches are running for these models")
    exit_status = 0
    for batch, work in open_batches:
        try:
            state, is_known = _state_of(batch, work, options.batch)
            print(f"{batch.label}: {state}")
        except CompletionError as error:
            print(f"{batch.label}: {error}", file=sys.stderr)
            is_known = False
        if not is_known:
            exit_status = 1
    return exit_status


def _state_of(batch: Batch, work: Work, verb: str | None) -> tuple[str, bool]:
    """Return the state of a batch in words, after cancelling it if the verb says so, and whether
    the service could be asked, if it had to be.
    """
    age, service = age_of(batch.created), service_of(work.model)
    if batch.phase == ENDED:
        return f"ended ({batch.word}), its replies are stored by --batch fetch", True
    if batch.phase == CREATING:
        return f"its creation broke off {age} ago, --batch fetch finds out if it exists", False
    if service is None or batch.batch_id is None or not service.is_at(batch):
        place = f"at {batch.address}, where the entry of {batch.model} does not lead any more"
        return place, False
    if verb == CANCEL:
        service.cancel(batch.batch_id)
    status = service.look(batch.batch_id)
    counts = f"{status.done or 0:,} of {batch.requests:,} requests done"
    counts += f", {status.failed:,} failed" if status.failed else ""
    return f"{status.word}, {counts}, {age} old", True
