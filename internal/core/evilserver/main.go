//go:build unix

// Command evilserver is an MCP server for tests, over stdio or HTTP, that
// misbehaves as its script says. Without a script it is a good server with the
// tools echo, sleep, counts and misbehave. It is no part of the product and knows
// nothing of it; "evilserver --help" lists what it can do.
//
// One goroutine reads the client's messages, commits the misdeeds that are due, so
// that "the third call" is the third that arrived, and answers; only the tool sleep
// has a goroutine of its own. Over HTTP each request does all of it itself.
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// options are the command line, which a process passes on to those it starts.
type options struct {
	script string
	http   string
	modern bool
	ledger string
	token  string
	seed   uint64
}

func (o *options) define(f *flag.FlagSet) {
	f.StringVar(&o.script, "script", "", "`misdeeds` to commit, see below")
	f.StringVar(&o.http, "http", "", "serve at this `address` instead of stdio, and print the URL; every path is a server of its own, which ?script= can give a script")
	f.BoolVar(&o.modern, "modern", false, "speak revision 2026-07-28, without sessions")
	f.StringVar(&o.ledger, "ledger", "", "append the id of each call that arrives to this `file`")
	f.StringVar(&o.token, "token", "", "does nothing; shows in the list of processes, also of those that it starts")
	f.Uint64Var(&o.seed, "seed", 0, "of what happens at random; 0 takes a new one")
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var o options
	flags := flag.NewFlagSet("evilserver", flag.ContinueOnError)
	flags.Usage = func() { usage(flags) }
	o.define(flags)
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return 0
		}
		return 2
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	s, err := newServer(o, o.script)
	if err == nil && o.http != "" {
		err = serveHTTP(o)
	} else if err == nil {
		err = s.serveStdio()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "evilserver:", err)
		return 2
	}
	return 0
}

func usage(flags *flag.FlagSet) {
	out := flags.Output()
	fmt.Fprint(out, "evilserver: an MCP server for tests that misbehaves as told.\n\n")
	flags.PrintDefaults()
	fmt.Fprint(out, `
A script is a list of MISDEED[=ARGUMENT][@MOMENT], separated by ";". A moment is
"start", "message", "call", a method such as tools/list, or over HTTP "GET" or
"DELETE"; with :N only the N-th of them, with :N+ that and all later ones, with ~N
one of N at random. Misdeeds, with the moment that is meant without one:

`)
	describe(out)
}

func describe(out io.Writer) {
	for _, m := range misdeeds() {
		name := m.name
		if m.arg != "" {
			name += "=" + m.arg
		}
		fmt.Fprintf(out, "  %-46s %-8s %s\n", name, m.moment, m.doc)
	}
}
