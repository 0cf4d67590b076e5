# SPDX-License-Identifier: Apache-2.0
#
# Faults that last until a host has raised the alarm for them, and alarms that
# go when the fault is over: methods of Storm.pm.
#
# From its beginning until its alarm has gone, faults that may hold partitions
# up for another reason are left out: those that are not mild (Faults.pm).
package Test::Forebay::Storm::Alarms;

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes qw(time);

use Test::Forebay::Util;

my $EVERY = 0.5;		# seconds between two questions
# The alarm is due after spec.progressTimeout.  Faults that came before may
# hold it up: a host that is away, a session that has to end.
my $PATIENCE = 60;

# what	the alarm, as the status names it
# hosts	one of which has to raise it
# over	ends the fault; true if that went well, else it is tried again
sub await_alarm
{
	my ($self, $what, $hosts, $over) = @_;

	$self->{awaited} = { what => $what, hosts => $hosts, over => $over,
		since => time, asked => 0 };
	return;
}

sub look_at_alarms
{
	my ($self) = @_;
	my $a = $self->{awaited} or return;

	if (!$a->{raised}) {
		if (my ($h) = $self->raised_by($a)) {
			$a->{raised} = 1;
			$self->tell('host %s: alarm %s after %.1f s: %s',
			    $h->{name}, $a->{what}, time - $a->{since},
			    $h->{alarms}{$a->{what}});
		} elsif (time > $a->{since} + patience($PATIENCE)) {
			$a->{raised} = 1;
			$self->failure("no host raises alarm $a->{what}");
		}
	} elsif (!$a->{is_over}) {
		$self->end_awaited($a) if $self->{broker_state} eq 'up';
	} elsif (!$self->raised_by($a)) {
		$self->tell('alarm %s has gone after %.1f s', $a->{what},
		    time - $a->{since});
		delete $self->{awaited};
	} elsif (time > $a->{since} + patience($PATIENCE)) {
		$self->failure("alarm $a->{what} stays");
		delete $self->{awaited};
	}
	$self->ask_alarms($a) if $self->{awaited};
	return;
}

# What they have said before is of no use.
sub end_awaited
{
	my ($self, $a) = @_;

	return unless $a->{over}->();
	$a->{is_over} = 1;
	$a->{since} = time;
	$a->{fault}{lasts} = time - $a->{fault}{time};
	$_->{alarms} = undef for @{$a->{hosts}};
	return;
}

# While it is to be raised: those that have it.  Then: all that have it, or have
# not been heard of.
sub raised_by
{
	my ($self, $a) = @_;

	return grep { $_->{alarms} ? $_->{alarms}{$a->{what}} : $a->{is_over} }
	    @{$a->{hosts}};
}

sub ask_alarms
{
	my ($self, $a) = @_;

	return if time < $a->{asked} + $EVERY;
	$a->{asked} = time;
	for my $h (@{$a->{hosts}}) {
		next if $h->{state} ne 'up' || $h->{is_asked}++;
		$self->job("alarms of host $h->{name}", [$h->{f}->command,
		    'status', '-d', $h->{f}{run}, '--json'], sub {
			my ($status, $out) = @_;
			my $s = $status ? undef :
			    eval { JSON::PP::decode_json($out) };

			$h->{is_asked} = 0;
			# An answer to the question before the fault's end.
			return if $a->{is_over} && $_[3] < $a->{since};
			$h->{alarms} = $s && { map { ($_->{what} => $_->{text}) }
			    @{$s->{alarms}} };
			return;
		});
	}
	return;
}

1;
