# SPDX-License-Identifier: Apache-2.0
#
# A topic of few records in a storm whose log is cut, and which the hosts may
# not read for a while: methods of Storm.pm.
#
# A log is cut as by a machine that fails before it has written everything to
# its disk: the broker is killed, the last batches are taken from the file, and
# it is started again.  What is cut off has been delivered before, so that
# whatever was produced is to be delivered, the other records in its place, too.
package Test::Forebay::Storm::Edge;

use strict;
use warnings;

use Test::Forebay::Secured;
use Test::Forebay::Storm::Faults;
use Test::Forebay::Util;

my $PARTITIONS = 2;
my $FIRST = 400;		# records at the start
my $BATCH = 10;

sub add_edge
{
	my ($self) = @_;

	$self->{edge} = $self->{broker}->topic($PARTITIONS);
	$self->allow_edge or die "the broker takes no rights\n";
	push @{$self->{topics}}, $self->{edge};
	push @{$self->{partitions}}, $PARTITIONS;
	return;
}

sub produce_to_edge
{
	my ($self, $records, %opt) = @_;
	my @cmd = $self->{broker}->produce_command($self->{edge},
	    records => $records, %opt, set => { 'message.timeout.ms' => 0,
		'batch.num.messages' => $BATCH });

	$self->{edge_waits}++;
	$self->job("records for $self->{edge}", \@cmd, sub {
		my ($status, undef, $err) = @_;

		$self->{edge_waits}--;
		return $status ? "exit status $status: $err" : undef;
	}, within => 300);
	return;
}

sub start_edge { return $_[0]->produce_to_edge($FIRST) }

# Why nothing may be taken away now; undef if it may.
sub edge_is_busy
{
	my ($self) = @_;
	my $rows = $self->{broker}->offsets($self->{group}, $self->{edge})
	    or return 'the broker does not answer';

	return 'records are under way' if $self->{edge_waits};
	return 'the cut before is not noticed yet' if $self->{cuts_said} &&
	    $self->cuts_said <= $self->{cuts_said}[0];
	return 'not all of it is committed'
	    if grep { $_->{committed} != $_->{end} } @$rows;
	return;
}

# How often hosts have told of a cut so far.
sub cuts_said
{
	my ($self) = @_;
	my $n = 0;

	$n += Test::Forebay::Storm::Faults::times_said('cut-log',
	    $_->{f}->log_text) for @{$self->{h}};
	return $n;
}

# The newest file of its log, and where its batches begin: [offset, byte].
sub batches
{
	my ($self, $partition) = @_;
	my ($file) = reverse sort
	    glob("$self->{broker}{dir}/data/$self->{edge}-$partition/*.log");
	my $data = slurp($file);
	my @batches;

	for (my $at = 0; $at + 12 <= length $data;) {
		my ($offset, $length) = unpack('q> N', substr($data, $at, 12));

		push @batches, [$offset, $at];
		$at += 12 + $length;
	}
	return ($file, @batches);
}

sub cut_log
{
	my ($self, $args) = @_;
	my $p = $args->{partition};
	my $why = $self->edge_is_busy;

	return $why if $why;
	return 'it is short' if (my @all = $self->batches($p)) <
	    $args->{batches} + 2;
	$self->{cuts_said} = [$self->cuts_said];
	$self->kill_broker($args->{down});
	# It has ended, and may have written more than it had before.
	my ($file, @batches) = $self->batches($p);
	my ($offset, $byte) = @{$batches[-$args->{batches}]};

	truncate($file, $byte) or die "$file: $!\n";
	$self->tell('%s/%d is cut at %d', $self->{edge}, $p, $offset);
	$self->produce_to_edge($args->{more}, only => $p) if $args->{more};
	return;
}

sub allow_edge
{
	my ($self) = @_;
	my ($status) = $self->{broker}->tool('acl', 'allow', $USER, 'topic',
	    $self->{edge});

	return $status == 0;
}

# Its end is seen, and is not read.
sub deny_edge
{
	my ($self) = @_;
	my $b = $self->{broker};
	my ($status, undef, $err) = $b->tool('acl', 'deny-read', $USER,
	    'topic', $self->{edge});

	return "the broker refuses: $err" if $status;
	$self->produce_to_edge(2 * $BATCH);
	$self->await_alarm('stuck', $self->{h}, sub {
		return ($b->tool('acl', 'clear', $USER))[0] == 0 &&
		    $self->allow_edge;
	});
	return;
}

1;
