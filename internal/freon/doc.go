// Package freon makes load: generators that each do one small thing many times
// from several goroutines, and a report of how long it took. The name and the
// generators' short names are Ozone's.
//
// A generator is a Task; Run runs it. What Run measures is the time of a Task
// alone, so a Task does nothing but its one operation.
package freon
