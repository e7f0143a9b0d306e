//go:build unix

// Command oddserver is an MCP server for tests that behaves well and speaks oddly: it
// uses everything the protocol allows and whatever a later revision may add, so that
// what a relay loses shows. Every payload is JSON typed by hand, with unknown members at
// every level, content of no known type, numbers beyond 2^53 and beyond 64 bits, keys in
// no order, hints left out. It speaks one revision, over stdio or HTTP. It is no part of
// the product and knows nothing of it.
//
// Each request has a goroutine of its own. A caller is one client; what it has asked for
// and what it still has to answer is guarded by its mutex, the edition of the lists by
// the server's.
package main

import (
	"flag"
	"fmt"
	"os"
)

// modernEra is the first revision without sessions.
const modernEra = "2026-07-28"

func main() {
	era := flag.String("era", modernEra, "the `revision` to speak, 2024-11-05 to 2026-07-28")
	addr := flag.String("http", "", "serve at this `address` instead of stdio, and print the URL")
	flag.Parse()
	s := newServer(*era)
	err := error(nil)
	if *addr != "" {
		err = s.serveHTTP(*addr)
	} else {
		err = s.serveStdio()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oddserver:", err)
		os.Exit(1)
	}
}
