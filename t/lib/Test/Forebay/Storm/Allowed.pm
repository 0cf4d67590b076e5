# SPDX-License-Identifier: Apache-2.0
#
# How much a storm may repeat, by its faults and by what is in flight: methods
# of Storm.pm.
package Test::Forebay::Storm::Allowed;

use strict;
use warnings;

use List::Util qw(max sum0);

use Test::Forebay::Storm::Ledger;
use Test::Forebay::Util;

our $IN_FLIGHT = 1000;		# of a worker: memory.maxRecords
# How long a fault is felt: until all have drained (10 s) and committed.
our $FELT = 15;

sub in_flight { return $_[1] * $IN_FLIGHT }

# While workers are replaced there may be one more.
sub in_flight_of
{
	my ($self, $h) = @_;
	my @pids = $self->worker_pids($h);

	return $IN_FLIGHT * max($h->{workers} + 1, scalar @pids);
}

sub in_flight_of_all
{
	my ($self) = @_;

	return sum0(map { $self->in_flight_of($_) } @{$self->{h}});
}

sub uncommitted
{
	my ($self, $h) = @_;

	return Test::Forebay::Storm::Ledger::uncommitted(
	    "$h->{f}{run}/ledger");
}

sub overlap
{
	my ($one, $other) = @_;

	return $one->{time} <= $other->{time} + $other->{lasts} + $FELT &&
	    $other->{time} <= $one->{time} + $one->{lasts} + $FELT;
}

# By the faults that there were.
sub allowed
{
	my ($self) = @_;
	my $sum = 0;

	return 0 if $self->{delivery} eq 'exactlyOnce';
	for my $fault (@{$self->{applied}}) {
		my $worse = grep { $_ != $fault && !$_->{calm} &&
		    overlap($fault, $_) } @{$self->{applied}};

		$sum += $fault->{$worse ? 'worst' : 'may'};
	}
	return $sum;
}

1;
