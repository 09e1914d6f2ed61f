package s3g

import (
	"math"

	"github.com/mini-ozone/mini-ozone/internal/lifecycle"
	"github.com/mini-ozone/mini-ozone/s3g/s3err"
	"github.com/mini-ozone/mini-ozone/s3g/s3xml"
)

// Transitions are checked, kept and told again, but not carried out. Our storage
// classes are names: bytes are stored alike in all of them, so a transition would
// change a label and save nothing. Classes that promise something we don't do
// (GLACIER and its like: cheaper, and not readable at once) are refused, as
// everywhere.

// minInfrequentDays is how old an object must be for the infrequent access classes.
const minInfrequentDays = 30

func readTransitions(r *lifecycle.Rule, x *s3xml.LifecycleRule) error {
	seen := map[string]bool{}
	for _, t := range x.Transitions {
		if count(t.Days != nil, t.Date != nil) != 1 {
			return s3err.MalformedXML
		}
		to, err := transition(t.StorageClass, t.Days, seen)
		if err != nil {
			return err
		}
		if t.Date != nil {
			if to.Date, err = midnight(*t.Date); err != nil {
				return err
			}
		}
		if err := checkTransitionOrder(r, t.Days != nil, to); err != nil {
			return err
		}
		r.Transitions = append(r.Transitions, to)
	}
	clear(seen)
	for _, t := range x.NoncurrentVersionTransitions {
		if t.NoncurrentDays == nil {
			return s3err.MalformedXML
		}
		to, err := transition(t.StorageClass, t.NoncurrentDays, seen)
		if err != nil {
			return err
		}
		if to.NewerVersions, err = keptNewer(r, t.NewerNoncurrentVersions); err != nil {
			return err
		}
		if r.NoncurrentDays > 0 && to.Days >= r.NoncurrentDays {
			return s3err.InvalidArgument.Withf("'NoncurrentDays' in the NoncurrentVersionExpiration action for prefix '%s' must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action", r.Filter.Prefix)
		}
		r.NoncurrentTransitions = append(r.NoncurrentTransitions, to)
	}
	return nil
}

// transition checks class and age; every class is named once.
func transition(class string, days *int, seen map[string]bool) (t lifecycle.Transition, err error) {
	switch {
	case class == "":
		return t, s3err.MalformedXML
	case class == defaultStorageClass || class == "REDUCED_REDUNDANCY" || !storageClasses[class]:
		return t, s3err.InvalidStorageClass.WithField("StorageClassRequested", class)
	case seen[class]:
		return t, s3err.InvalidRequest.Withf("'StorageClass' must be different for 'Transition' actions in same 'Rule', found %s twice", class)
	}
	seen[class], t.StorageClass = true, class
	if days == nil {
		return t, nil
	}
	if *days < 0 || *days > math.MaxInt32 {
		return t, s3err.InvalidArgument.With("'Days' in Transition action must be nonnegative")
	}
	if (class == "STANDARD_IA" || class == "ONEZONE_IA") && *days < minInfrequentDays {
		return t, s3err.InvalidArgument.Withf("'Days' in Transition action must be greater than or equal to 30 for storageClass '%s'", class)
	}
	t.Days = *days
	return t, nil
}

// checkTransitionOrder: objects move before they expire, and both are told in the
// same way.
func checkTransitionOrder(r *lifecycle.Rule, days bool, t lifecycle.Transition) error {
	switch {
	case r.ExpireDays > 0 && !days || !r.ExpireDate.IsZero() && days:
		return s3err.InvalidRequest.Withf("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for prefix '%s'", r.Filter.Prefix)
	case r.ExpireDays > 0 && t.Days >= r.ExpireDays:
		return s3err.InvalidArgument.Withf("'Days' in the Expiration action for prefix '%s' must be greater than 'Days' in the Transition action", r.Filter.Prefix)
	case !r.ExpireDate.IsZero() && !t.Date.Before(r.ExpireDate):
		return s3err.InvalidArgument.Withf("'Date' in the Expiration action for prefix '%s' must be later than 'Date' in the Transition action", r.Filter.Prefix)
	}
	return nil
}

// transitionElements are the transitions of r as the document has them.
func transitionElements(r *lifecycle.Rule) (current []s3xml.LifecycleTransition, noncurrent []s3xml.NoncurrentTransition) {
	for i := range r.Transitions {
		t := &r.Transitions[i]
		x := s3xml.LifecycleTransition{StorageClass: t.StorageClass}
		if t.Date.IsZero() {
			x.Days = &t.Days
		} else {
			x.Date = dateText(t.Date)
		}
		current = append(current, x)
	}
	for i := range r.NoncurrentTransitions {
		t := &r.NoncurrentTransitions[i]
		noncurrent = append(noncurrent, s3xml.NoncurrentTransition{
			NoncurrentDays: &t.Days, StorageClass: t.StorageClass, NewerNoncurrentVersions: set(t.NewerVersions)})
	}
	return current, noncurrent
}
