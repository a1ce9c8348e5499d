// Bench measures what the design promises of speed, size and cost, as ratios and counts that another machine can repeat:
//
//	make bench [ARGS="-only=ledger,start -quick -volume=50000"]
//
// Standard output has one JSON object a line: name, value, unit, bound (null where nothing is promised), ok, details. Notes for people go to
// standard error. It exits with 1 when a bound is broken or a measurement could not be made.
//
// What is compared is done in turns within one run, on the same emulator of the same start, each side first every other time: what else
// the machine does hits both. A value is the median over these pairs, of one side's time over the other's or less the other's; rates and times
// of each side, and the ratio of the whole times, stand in the details. Only the no-op function, which comes with the bench, is compiled by it, with the flags of a deployment; the
// functions are the binaries that the local cloud runs, listed by template.yaml, with the environment that it gives them.
//
//	ledger        Entries per second of shared/platform/ledger on DynamoDB (the emulator, nothing between). Ours: one consumer, blocks of
//	              ten as the registration's queue hands them over. Bare: eight writers, each a consistent read of the head and a transaction
//	              of head, entry and deduplication key, tried again with full jitter; the first wait is the one of three it is fastest with.
//	              The ratio says what blocks are worth, not how fast DynamoDB is: the emulator has one writer, AWS a limit for each item.
//	registration  The real function behind a Runtime API, events of ten messages on three emulators. Bare: the calls that it makes, written
//	              down once by meters on a twin of its tables, made again by the SDK one after the other on another twin, garbage collected
//	              as seldom as the function does. Opening the book, in the first batch, is done by both and not timed. What SQS does
//	              between the function's two events is left out. The processor's time of each side stands beside.
//	warm          An event that is answered without a partner (ten messages that name no kind; of the routes that nobody signed in may not
//	              use, the slowest), from when the Runtime API has it to when the answer is there, over a no-op function's. It is what
//	              our code adds before the first call: reading, routing, checks of the contract, logging. Functions that only schedules
//	              call have no such event.
//	start         From before the process is made to its first request for an invocation, over the no-op function's; parameters are read
//	              from the local cloud. It is the part of a cold start that is ours: Lambda's own (sandbox, download) comes on top, and a
//	              fraction of this machine's processor makes it longer there. Functions that read or write PDF, by what is linked into
//	              them, may take longer.
//	units, cost   One complaint and one price list, signed and paid for, each from login to preservation in the local cloud, by public
//	              APIs; then the closing of the chamber's day: list, seal, declaration, package. Calls are counted by the guard that
//	              holds functions to their permissions, consumed units are what the emulator of DynamoDB answers, asked by a meter before
//	              it. Prices are those of prices.json, which says of each where it is from, of when, and whether anybody confirmed it, and
//	              what is left out; a line tells how much of its sum rests on prices that nobody did.
//	size          Each function built for arm64 and packed alone, as bootstrap.
//	pages         What a browser with an empty cache fetches of the built site for three pages.
//
// A run on a busy machine says less: ratios of calls to an emulator hold, milliseconds of starts grow with the load on one side more than on
// the other.
package main
