"""A crew without CrewAI, for runs that are about everything but the writing."""
