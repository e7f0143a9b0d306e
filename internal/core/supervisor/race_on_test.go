//go:build race

package supervisor

// lighter is how much less a crowd is than without the detector, which fails by itself
// in long bubbles of testing/synctest with many goroutines (golang/go#78156).
const lighter = 10
