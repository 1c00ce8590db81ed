"""The engine: it makes what `saga.advance` says true, once, whatever dies in between.

`changes` folds what happened into a change (pure); `transitions` commits many changes as one;
`sending` lets commands and events leave after the commit; `releasing` decides which command leaves
next; `timers` turns deadlines into happenings. `store` is what they ask of a database; `postgres`,
`committing`, `letters` and `quotas` are how it answers.
"""
