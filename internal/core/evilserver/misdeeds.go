//go:build unix

package main

// A misdeed is one way to misbehave. do gets what stands after "=" and reports
// whether the message at which it happens must not be answered any more.
type misdeed struct {
	name   string
	arg    string // what stands after "="; empty if nothing may
	moment string // if the script names none
	doc    string
	do     func(s *server, r *request, value string) bool
}

// misdeeds returns all that there are.
func misdeeds() []misdeed {
	return []misdeed{
		// The process.
		{"exit", "CODE|KILL|TERM", "start", "end the process with a code, or by a signal", exit},
		{"life", "TIME", "start", "end with code 1 after a random part of this time", life},
		{"ignore-term", "", "start", "ignore SIGTERM, SIGINT and SIGHUP", ignoreTerm},
		{"ignore-eof", "", "start", "live on at the end of input", ignoreEOF},
		{"freeze", "", "start", "stop itself by SIGSTOP", freeze},
		{"launcher", "", "start", "run the rest of the script in a child and wait for it, as npx does", launcher},
		{"child", "plain|setsid|double|wiped", "start", "leave a process that ignores everything: as a child, in its own session, also without a parent, also without environment", child},
		{"close-stdout", "", "start", "close it and live on", closeStdout},
		{"close-stdin", "", "start", "close it and live on", closeStdin},
		{"deaf", "", "start", "never read again", deaf},

		// Answers.
		{"hang", "", "call", "never answer", hang},
		{"slow", "TIME", "call", "answer after this time", slow},
		{"half", "", "call", "send half of the answer and end the process", half},
		{"huge", "SIZE", "call", "answer with so many bytes, such as 20M", huge},
		{"deep", "DEPTH", "call", "answer with so many nested lists", deep},
		{"error", "", "call", "answer with a JSON-RPC error", fail},

		// Ids.
		{"wrong-id", "", "call", "answer with another id", wrongID},
		{"text-id", "", "call", "answer with the id as a text", textID},
		{"duplicate", "", "call", "answer twice", duplicate},
		{"stray", "COUNT", "message", "answer so many requests that nobody sent, then as usual", stray},
		{"steal-id", "", "call", "send a request with the id of the client's, then answer", stealID},

		// Noise.
		{"flood-stdout", "TIME", "start", "send valid notifications as fast as possible; without a time for ever", floodStdout},
		{"flood-stderr", "TIME", "start", "the same with lines on stderr", floodStderr},
		{"churn", "COUNT", "start", "change the list of tools so many times a second, and say so", churn},
		{"garbage", "banner|ansi|binary|utf16|bom|json|lines", "start", "write something that is no message", garbage},
		{"endless-line", "SIZE", "start", "write so many bytes without a line break, then one", endlessLine},

		// Over HTTP.
		{"status", "CODE[,HEADER:VALUE]", "message", "answer with this HTTP status", status},
		{"page", "", "message", "answer with a web page and status 200", page},
		{"redirect", "URL", "message", "answer with a redirection", redirect},
		{"cut", "BYTES", "call", "end the connection after so many bytes of the answer", cut},
		{"reset", "", "call", "reset the connection", reset},
		{"drip", "TIME", "call", "send one byte of the answer at a time, with this pause", drip},
		{"big-headers", "SIZE", "call", "send headers of this size", bigHeaders},
		{"endless", "", "call", "send a body that does not end", endless},
		{"bomb", "SIZE", "call", "send zeros of this size, compressed", bomb},
		{"as-events", "", "call", "answer with a stream of events", asEvents},
		{"forget", "", "call", "forget all sessions, and end all streams", forget},
		{"flap", "TIME", "start", "be down and up in turn, each for a random part of this time", flap},
	}
}
