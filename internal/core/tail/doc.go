// Package tail reads the end of a log file and follows what is added to it, also
// when a new file takes its place. It is not for writing logs.
//
// A Log belongs to one goroutine. While it waits it has the file system's own
// reports, and looks at the file now and then only where there are none, or once the
// file is gone.
package tail
