package faults

var programFaults = []Fault{
	{
		ID:    "F7",
		What:  "The program is asked to end by a signal, by logging out, or twice.",
		Does:  "Stops its servers side by side and closes its files: mostly in less than a second, always in less than six; a second signal ends everything at once.",
		Tests: []string{"cmd/mcpproxy-tray.TestStopTypical", "cmd/mcpproxy-tray.TestStopRefused", "cmd/mcpproxy-tray.TestSecondSignalEndsAtOnce", "core/guard.TestStopSignals", "core/guard.TestGroupSignal", "core/guard.TestSecondSignalEndsAtOnce", "core/guard.TestHangUpIgnored", "core/supervisor.TestShutdownStopsAllInParallel", "core.TestQuitEndsRun"},
		Open:  "Ends of session on Windows and macOS are built, never run.",
	},
	{
		ID:    "F8",
		What:  "The terminal or the pipes of the program are gone.",
		Does:  "Goes on, and still stops everything in order.",
		Tests: []string{"cmd/mcpproxy-tray.TestStopWithoutStandardFiles", "cmd/mcpproxy-tray.TestStopWithBrokenPipes", "cmd/mcpproxy-tray.TestStopWithTheTerminal", "core/guard.TestBrokenOutput"},
	},
	{
		ID:    "G1",
		What:  "A client of the event stream never reads.",
		Does:  "Skips what it missed and gives it the newest state when it reads again; nobody else waits.",
		Tests: []string{"core/httpapi.TestStuckReaderDelaysNobody", "core/httpapi.TestSlowReaderSkipsToNewest", "stateview.TestWatchSkipsToNewest"},
	},
	{
		ID:    "G2",
		What:  "Thousands of calls come at once.",
		Codes: []string{"MPT-SERVER-BUSY"},
		Does:  "Answers each exactly once; a server that has too many gets no more for now.",
		Tests: []string{"cmd/mcpproxy-tray.TestCrowd", "cmd/mcpproxy-tray.TestChaos", "core/upstream.TestTenThousandCallsAtOnce", "core/proxy.TestManyClientsGetTheirOwnAnswers", "core/upstream.TestBusyServerIsNotGivenUp"},
	},
	{
		ID:    "G3",
		What:  "A client goes away in the middle of a call.",
		Does:  "Tells the server to stop working on it, and keeps nothing.",
		Tests: []string{"core/proxy.TestClientGoneCancelsTheCall", "core/proxy.TestVanishedClientsSessionEnds", "core/upstream.TestCancelledCall", "core/upstream.TestCancelledRemoteCall"},
	},
	{
		ID:    "G4",
		What:  "The program runs for months, and servers come and go.",
		Does:  "Uses no more memory, goroutines or files than at the start.",
		Tests: []string{"cmd/mcpproxy-tray.TestFlapping", "core/supervisor.TestFlapsCostNothing", "core/supervisor.TestFlappingLeavesNothingBehind", "core/proxy.TestIdleSessionIsSmall", "core/supervisor.TestMain", "core/upstream.TestMain"},
	},
	{
		ID:    "G5",
		What:  "The memory of the program or of a server is limited.",
		Codes: []string{"MPT-EXIT"},
		Does:  "Bounds what each server, client and history may hold, and works with little memory. A server that ends for want of it answers its calls with an error and is started again.",
		Tests: []string{"cmd/mcpproxy-tray.TestLittleMemory", "core/upstream.TestServerOutOfMemory", "core/upstream.TestMemoryIsBounded"},
		Open:  "It sheds nothing and refuses no call when memory becomes scarce: many huge answers at once end it at a limit that is too low for them, and the guard starts it again; no test wants that.",
	},
	{
		ID:    "G6",
		What:  "The program runs out of files.",
		Codes: []string{"MPT-CMD-NOT-NOW"},
		Does:  "Keeps some for clients, logs and an orderly end; servers that do not fit wait and come up by themselves when there is room. Where a watch cannot be had, it looks every 5 s.",
		Tests: []string{"cmd/mcpproxy-tray.TestFewFiles", "core/config.TestWatchPollsAtTheLimit"},
	},
	{
		ID:    "G7",
		What:  "The system starts no more processes.",
		Codes: []string{"MPT-CMD-NOT-NOW"},
		Does:  "Says what the system said, and tries again when there is room. Servers that run go on.",
		Tests: []string{"core/upstream.TestBusyProgramIsTriedAgain", "core/upstream.TestNoMoreProcesses"},
		Open:  "If the program itself needs one more thread at that moment, Go's runtime ends it, and the guard starts it again.",
	},
	{
		ID:    "G8",
		What:  "There is a fault in the program itself.",
		Codes: []string{"MPT-INTERNAL", "MPT-CRASHED"},
		Does:  "A request that fails is answered; a crash is written to crash.log, and the guard starts the program again with every decision kept.",
		Tests: []string{"core/httpapi.TestPanicIsAnswered", "cmd/mcpproxy-tray.TestCrashIsHealed", "core/guard.TestCrashRestarts", "core/store.TestAcknowledgedApprovalsSurviveKill"},
	},
	{
		ID:    "G9",
		What:  "Many read the state while it changes.",
		Does:  "Gives each of them a snapshot that never changes and never goes back.",
		Tests: []string{"stateview.TestReadersBesideWriters", "stateview.TestAgainstPlainMap", "stateview.TestReadersCannotWrite"},
	},
}
