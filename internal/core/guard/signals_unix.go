//go:build unix

package guard

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals are those that end the program. A hang-up that whoever started it
// wants ignored, as nohup does, stays ignored.
func stopSignals() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGTERM, syscall.SIGINT}
	}
	return []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
}

// survivePipes makes writing to a closed standard output an error, not the end. The
// signal is caught, not ignored: children would inherit that.
func survivePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// dieOf ends this process as the signal would have.
func dieOf(sig os.Signal) {
	signal.Reset(sig)
	_ = syscall.Kill(os.Getpid(), sig.(syscall.Signal))
	select {}
}
