# SPDX-License-Identifier: Apache-2.0
#
# A process beside the test that looks at something until it is told to stop,
# and then says what it saw.  Standstill and Committed are two of them: `look`
# is called with a handle that is readable when it is over, and returns text.
package Test::Forebay::Watch;

use strict;
use warnings;

use POSIX ();

sub start
{
	my ($class, @args) = @_;

	pipe(my $reader, my $writer) or die "pipe: $!";
	pipe(my $stop, my $end) or die "pipe: $!";
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		# What else the test has open would stay open: a producer
		# waits for the end of its standard input.
		for my $fd (3 .. 255) {
			POSIX::close($fd) unless $fd == fileno($writer) ||
			    $fd == fileno($stop);
		}
		eval { syswrite($writer, $class->look($stop, @args)); 1 }
		    or print STDERR $@;
		POSIX::_exit(0);
	}
	close($writer);
	close($stop);
	return bless { pid => $pid, end => $end, reader => $reader,
		owner => $$ }, $class;
}

# For the child: sleep; true once it is over.
sub over
{
	my ($stop, $seconds) = @_;

	vec(my $bits = '', fileno($stop), 1) = 1;
	return scalar select($bits, undef, undef, $seconds);
}

# Its text.
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return $self->{text};

	close(delete $self->{end});
	local $/;
	$self->{text} = readline($self->{reader}) // '';
	waitpid($pid, 0);
	die "a watch ended early\n" unless length $self->{text};
	return $self->{text};
}

sub DESTROY
{
	my ($self) = @_;

	return unless $self->{owner} == $$;
	local ($?, $@);
	eval { $self->stop };
	return;
}

1;
