# SPDX-License-Identifier: Apache-2.0
#
# A host whose standard output is a pipe, which nobody reads at first:
#
#	my $pipe = Test::Forebay::Pipe->new($f);	before it is started
#	$pipe->flow;			what it writes goes into its file
#	$pipe->done;			all of it is there
#
# Both ends are open here, so the host neither waits for a reader nor sees the
# end of one.
package Test::Forebay::Pipe;

use strict;
use warnings;

use POSIX ();

use Test::Forebay::Util;

sub new
{
	my ($class, $f) = @_;
	my $self = bless { f => $f, log => $f->{out}, owner => $$ }, $class;
	my $fifo = "$f->{dir}/fifo";

	POSIX::mkfifo($fifo, 0600) or die "$fifo: $!\n";
	open($self->{reader}, '+<', $fifo) or die "$fifo: $!\n";
	$f->{out} = $fifo;
	return $self;
}

sub flow
{
	my ($self) = @_;
	my $pid = fork // die "fork: $!\n";

	if ($pid) {
		$self->{pid} = $pid;
		return;
	}
	# Else a producer would wait for the end of its standard input.
	for my $fd (3 .. 255) {
		POSIX::close($fd) unless $fd == fileno($self->{reader});
	}
	open(my $out, '>>', $self->{log}) or POSIX::_exit(1);
	while (sysread($self->{reader}, my $buf, 65536)) {
		syswrite($out, $buf);
	}
	POSIX::_exit(0);
}

# Nobody writes any more, and what was written is in the file.
sub done
{
	my ($self) = @_;
	my $size = -1;

	wait_until {
		my $was = $size;

		$size = -s $self->{log} // 0;
		return $size == $was;
	} 'the copy is complete';
	kill_pid(delete $self->{pid});
	$self->{f}{out} = $self->{log};
	return;
}

sub DESTROY
{
	my ($self) = @_;

	return unless $self->{owner} == $$;
	local ($?, $@);
	kill_pid(delete $self->{pid}) if $self->{pid};
	return;
}

1;
